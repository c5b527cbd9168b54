// What is known of a run's parallel layout, and how. Sources in order: the user's hint, the trace's
// own statements, annotation names, process-group metadata, traffic (group_roles.h, stage_chain.h).
// What none of them tells is said to be unknown, with what would help.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/analysis/step_model.h"
#include "core/base/result.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

// A place that may be stated in part; -1: not.
struct RankPlace {
  int32_t rank = -1;
  int32_t stage = -1;
  int32_t tensorIndex = -1;
  int32_t dataIndex = -1;
};

// {"schema": "caracal.hint/1", "ranks": [{"rank": 0, "stage": 0, "tensor": 0, "data": 0}, ...],
//  "stepAnnotation": "train_step", "forwardAnnotation": "fwd pass", "backwardAnnotation": "bwd"};
// every field may be absent, and all but "rank" of an entry.
struct StructureHint {
  std::vector<RankPlace> ranks;
  // Names of the host annotations around one step, and around the forward and backward work of one
  // micro-batch; empty: not given.
  std::string stepAnnotation, forwardAnnotation, backwardAnnotation;
};
Result<StructureHint> parseHint(std::string_view json);

// The trace with the hint's places, and with step numbers 0, 1, ... in time order on the named
// annotations of each rank. kNotFound when it names a rank or an annotation that the trace has not.
Result<std::shared_ptr<const trace::Trace>> applyHint(std::shared_ptr<const trace::Trace> trace,
                                                      const StructureHint& hint);

struct KnownPlace {
  RankPlace place;
  // How each is known; empty: it is not.
  std::string stageFrom, tensorFrom, dataFrom;
};

struct Structure {
  std::vector<KnownPlace> ranks;  // per rank index
  std::vector<Fact> facts;        // "cannot tell ..." included
  // Of the whole run, ranks that are not in the trace included; 0: not known.
  int32_t stageCount = 0, tensorSize = 0, dataSize = 0;
};

// `hint`: what was applied to the trace, for its sake as a source only. Polls `stop` between
// tracks; what it then returns is not complete.
Structure inferStructure(const trace::Trace& trace, const StructureHint& hint = {},
                         const std::stop_token& stop = {});

}  // namespace caracal::analysis
