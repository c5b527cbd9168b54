// What must hold for every StepModel, whatever it was built from.
#pragma once

#include <gtest/gtest.h>

#include <numeric>
#include <string>

#include "core/analysis/step_model.h"

namespace caracal::analysis {

// Bubbles tile the step's idle time without overlap, and causes add up to stepNs - busy exactly.
inline void expectExactCauses(const StageStep& stage) {
  SCOPED_TRACE("step " + std::to_string(stage.step) + " replica " + std::to_string(stage.replica) +
               " stage " + std::to_string(stage.stage));
  const int64_t idleNs = stage.stepSpan.lengthNs() - stage.busyNs;
  EXPECT_EQ(std::accumulate(stage.causes.begin(), stage.causes.end(), int64_t{0}), idleNs);
  int64_t bubblesNs = 0;
  int64_t cursorNs = stage.stepSpan.beginNs;
  for (const Bubble& bubble : stage.bubbles) {
    EXPECT_GE(bubble.span.beginNs, cursorNs);
    EXPECT_GT(bubble.span.lengthNs(), 0);
    EXPECT_GE(stage.causes[static_cast<size_t>(bubble.cause)], bubble.span.lengthNs());
    cursorNs = bubble.span.endNs;
    bubblesNs += bubble.span.lengthNs();
  }
  EXPECT_LE(cursorNs, stage.stepSpan.endNs);
  EXPECT_EQ(bubblesNs, idleNs);
  EXPECT_EQ(stage.computeNs + stage.bubbleNs, stage.pipelineWindow.lengthNs());
  EXPECT_GE(stage.recomputeHiddenNs, 0);
  EXPECT_GE(stage.recomputeExposedNs, 0);
}

inline void expectInvariants(const StepModel& model) {
  for (const StageStep& stage : model.stageSteps) expectExactCauses(stage);
  for (const StageSummary& stage : model.stages) {
    EXPECT_EQ(stage.computeNs + stage.bubbleNs, stage.pipelineNs);
    EXPECT_EQ(std::accumulate(stage.causes.begin(), stage.causes.end(), int64_t{0}),
              stage.stepNs - stage.busyNs);
  }
}

inline int64_t causeNs(const StageStep& stage, IdleCause cause) {
  return stage.causes[static_cast<size_t>(cause)];
}

}  // namespace caracal::analysis
