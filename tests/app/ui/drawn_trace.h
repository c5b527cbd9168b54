// Traces drawn as text, for tests of the timeline: one line per track, one character per 10 ns.
//
//   "stream 7 | AAAA.BB..AA"   a letter is an event of that name, '.' is idle
//
// Equal letters side by side are one event.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/ui/timeline/scene.h"
#include "core/trace/trace_builder.h"

namespace caracal::test {

inline constexpr int64_t kDrawnNs = 10;

struct DrawnTrack {
  std::string label;
  trace::TrackKind kind = trace::TrackKind::kGpuStream;
  trace::EventKind eventKind = trace::EventKind::kKernel;
  uint32_t rank = 0;
  std::string drawing;
};

std::shared_ptr<const trace::Trace> drawTrace(const std::vector<DrawnTrack>& tracks,
                                              uint32_t ranks = 1);

// A 1F1B pipeline of `stages` stages with `microBatches` per step, as passes and a hand-made
// StepModel: forward 10, backward 20 time units of `unitNs`, no link time. Bubbles carry causes.
struct DrawnPipeline {
  std::shared_ptr<const trace::Trace> trace;
  std::shared_ptr<const analysis::StepModel> model;
};
DrawnPipeline drawPipeline(int stages, int microBatches, int steps, int64_t unitNs = 100);

// A trace of `events` pseudo-random nested and overlapping events on `tracks` host threads and
// streams.
std::shared_ptr<const trace::Trace> randomTrace(unsigned seed, int tracks, int events);

std::shared_ptr<const ui::Scene> sceneOf(std::shared_ptr<const trace::Trace> trace);
std::shared_ptr<const ui::Scene> sceneOf(const DrawnPipeline& pipeline);

}  // namespace caracal::test
