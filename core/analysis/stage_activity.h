// What the rank that stands for a stage did, over the whole trace: the sets of time that step
// figures are cut from.
#pragma once

#include <cstdint>
#include <stop_token>
#include <vector>

#include "core/analysis/collectives.h"
#include "core/analysis/lanes.h"
#include "core/analysis/pipeline_layout.h"
#include "core/base/intervals.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

struct StepPass {
  int32_t step = 0;
  PassSpan pass;
};

// A point where the stage goes on with forward, backward or weight work.
struct Resume {
  int64_t beginNs = 0;
  int64_t freeNs = 0;  // when the work before it ended, recomputation not counted
  trace::Pass pass = trace::Pass::kNone;
  int32_t microBatch = -1;
  int32_t chunk = 0;
  int32_t step = 0;
  bool startsPass = false;  // the first work of its pass: what it needs comes from another stage
};

struct Transfer {
  Span span;
  TransferDirection direction = TransferDirection::kNone;
  int32_t microBatch = -1;  // -1: the trace does not say
};

struct StageActivity {
  StageRank place;
  bool kernels = false;            // the rank has GPU streams: `busy` is its computation kernels
  bool operators = false;          // operators are recorded; without them passes are the work
  std::vector<StepPass> passes;    // in time order
  SpanSet busy;                    // all work of the compute stream
  SpanSet recompute;               // with the collectives that it repeats
  SpanSet pipelineWork;            // passes, collectives inside them included, and recomputation
  std::vector<Resume> resumes;     // in time order
  std::vector<Transfer> receives;  // in time order
  std::vector<Transfer> sends;
  SpanSet collectiveSkew;      // tensor collectives (context, expert), own entry to the last rank's
  SpanSet collectiveTransfer;  // and the rest of them
  SpanSet collectiveWindows;   // tensor collectives that recomputation may hide in
  SpanSet synchronisation;     // data-parallel collectives and the optimizer
  SpanSet copies;              // copies and sets of the device
  SpanSet dataTransfers;       // kernels of data-parallel collectives
  SpanSet otherTransfers;      // and of communication whose purpose nothing tells
  SpanSet launchGaps;          // launch_gaps.h
};

// One entry per PipelineLayout::ranks. Polls `stop` between tracks; what it then returns is empty.
std::vector<StageActivity> gatherActivities(const trace::Trace& trace, const PipelineLayout& layout,
                                            const std::stop_token& stop);

}  // namespace caracal::analysis
