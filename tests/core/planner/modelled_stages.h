// Holds models of single stages to the simulation of the whole plan.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "core/plan/program.h"
#include "core/planner/pipeline_time.h"
#include "core/planner/stage_model.h"
#include "core/sim/figures.h"
#include "core/sim/memory_timeline.h"
#include "core/sim/replay.h"

namespace caracal::planner {

struct ModelledStage {
  PassTimes times;
  int64_t peakBytes = 0;
};
using ModelStage = std::function<ModelledStage(const StageModel& model)>;

// Every pass's length, each stage's peak and the step must be those of the plan lowered and
// replayed.
inline void expectEqualToSimulation(const profile::Profile& profile, const plan::Plan& plan,
                                    const ModelStage& modelStage) {
  const plan::ProfileGraphs graphs(profile);
  const auto program = plan::lower(profile, plan);
  ASSERT_TRUE(program.has_value()) << program.error().text();
  const auto times = sim::replay(profile, plan, *program);
  ASSERT_TRUE(times.has_value());
  const auto count = static_cast<int32_t>(plan.stages.size());
  std::vector<PassTimes> passTimes;
  for (int32_t s = 0; s < count; ++s) {
    const auto index = static_cast<size_t>(s);
    const plan::StageShape shape{profile, graphs, plan.stages[index], s, count};
    const StageModel model(shape);
    const ModelledStage modelled = modelStage(model);
    passTimes.push_back(modelled.times);
    EXPECT_EQ(modelled.peakBytes, sim::peakBytesOf(shape, program->stages[index])) << "stage " << s;
    const sim::StageFigures figures = sim::figuresOf(program->stages[index], times->stages[index]);
    for (const sim::PassTime& pass : figures.passes) {
      const bool filled = model.inFlight() > 1 && pass.microBatch >= model.inFlight() - 1;
      const int64_t forward = filled ? modelled.times.forwardFilledNs : modelled.times.forwardNs;
      EXPECT_EQ(pass.span.lengthNs(),
                pass.pass == trace::Pass::kForward ? forward : modelled.times.backwardNs)
          << "stage " << s << " " << trace::name(pass.pass) << pass.microBatch;
    }
  }
  const PipelineTimes pipeline = pipelineTimes(
      passTimes, {profile.parallel.microBatches, profile.sendForwardNs, profile.sendBackwardNs});
  EXPECT_EQ(pipeline.stepNs, times->stepNs);
}

}  // namespace caracal::planner
