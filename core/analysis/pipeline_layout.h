// Which ranks of an annotated run stand for which stage and replica, and when its steps begin and
// end. The first part of buildStepModel().
#pragma once

#include <cstdint>
#include <stop_token>
#include <vector>

#include "core/analysis/step_model.h"
#include "core/base/result.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

// The rank that stands for a stage of a replica: the first of its tensor-parallel group.
struct StageRank {
  int32_t replica = 0;
  int32_t stage = 0;
  uint32_t rankIndex = 0;
};

struct StepRange {
  int32_t step = 0;
  Span span;  // to the begin of the next number when the trace holds it, else to the step's last
              // event
};

struct PipelineLayout {
  int32_t stageCount = 0;  // of the whole pipeline where the recording or a process group tells it
  int32_t replicaCount = 0;
  int32_t tensorSize = 1;
  std::vector<StageRank> ranks;  // sorted by (replica, stage)
  std::vector<StepRange> steps;  // ascending
  std::vector<Fact> facts;
};

// Fails with kCannotAnswer when no rank has forward or backward passes, with kCancelled once `stop`
// is requested.
Result<PipelineLayout> findPipelineLayout(const trace::Trace& trace, const std::stop_token& stop);

}  // namespace caracal::analysis
