// Where the host worked on forward, backward and weight passes: by annotations whose names say so,
// and by PyTorch's links from forward operators to their backward ones. The first half of turning
// a trace of kernels into passes (gpu_passes.h is the second).
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/intervals.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

// Keys in Trace::meta() of the annotation names that a hint took for forward and backward work; no
// other names count then.
inline constexpr const char* kForwardAnnotationKey = "forwardAnnotation";
inline constexpr const char* kBackwardAnnotationKey = "backwardAnnotation";

// Forward, backward or weight.
bool isPipelinePass(trace::Pass pass);

struct PassRange {
  int64_t thread = -1;  // Track::id of the host thread
  Span span;            // on the host's clock: what it launched in it belongs to the pass
  trace::Pass pass = trace::Pass::kNone;  // kForward, kBackward, kWeight, kRecompute, kOptimizer
  int32_t step = -1;        // of ProfilerStep#N, else numbered from 0; -1: outside of all steps
  int32_t microBatch = -1;  // as named, else in order inside the step; -1 of optimizers
  int32_t stage = -1;       // as named; -1: the name states none
  int32_t chunk = -1;       // likewise
};

// The ranges of one rank's host threads; those of one thread are disjoint.
struct RankPassRanges {
  std::vector<PassRange> ranges;         // by begin; empty where `foundBy` is
  std::vector<int64_t> backwardThreads;  // run backward operators for other threads
  std::string foundBy;                   // "annotations of DeepSpeed", ...
  std::string whyNot;  // why ranges or links that are there do not tell the passes
};

// One entry per rank index. Believed only where forward and backward ranges pair up: names without
// micro-batch numbers must come in equal numbers inside each step (the first and the last may be
// cut) and never more backward than forward; ranges inside a range are parts of it.
//
// Where only forward ranges are named, or none, a backward range is where the operators run that
// the forward ones link to. Without names the links of one stretch of forward operators must all
// lead into one stretch of backward operators. Polls `stop` between tracks; what it then returns is
// empty.
std::vector<RankPassRanges> findPassRanges(const trace::Trace& trace,
                                           const std::stop_token& stop = {});

}  // namespace caracal::analysis
