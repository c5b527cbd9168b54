// Which stage of the pipeline each rank holds, once its passes are known: the second half of
// markPasses() (gpu_passes.h).
#pragma once

#include <cstdint>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "core/analysis/comm_names.h"
#include "core/analysis/pass_ranges.h"
#include "core/base/intervals.h"
#include "core/base/result.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

// One range's work on one rank.
struct GpuPass {
  const PassRange* range = nullptr;
  Span span;  // of its computation
};

struct GpuPasses {
  std::vector<std::vector<GpuPass>> ofRank;    // per rank index, F, B, W and R
  std::vector<const PassRange*> rangeOfEvent;  // per event; null: in none
  // What GroupRoles asks for.
  trace::Pass passOf(trace::EventIndex event) const {
    return rangeOfEvent[event] == nullptr ? trace::Pass::kNone : rangeOfEvent[event]->pass;
  }
};

struct StagePlaces {
  std::vector<int32_t> stages;  // per rank index; -1: the rank has no passes
  // Model chunk of each named stage, per rank index; empty where names state none.
  std::vector<std::map<int32_t, int32_t>> chunkOfStage;
  int32_t stageCount = 0;  // of the whole pipeline where it is known; 0: that of the stages seen
  std::string foundBy;
};

// By the recording or the hint, the stages that names state, process groups, or traffic, in this
// order. kCannotAnswer says in words why none of them tells. Polls
// `stop`; what it then returns is not to be used.
Result<StagePlaces> placeStages(const trace::Trace& trace, const CommNames& comm,
                                const GpuPasses& passes, const std::stop_token& stop = {});

}  // namespace caracal::analysis
