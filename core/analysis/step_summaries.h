// Sums and medians over the steps of a model: what `analyze` prints per stage.
#pragma once

#include <cstdint>
#include <vector>

#include "core/analysis/step_model.h"

namespace caracal::analysis {

// Fills stages, steps, microBatches and schedule of a model whose stageSteps are sorted and
// complete. Sums go over complete (step, replica) pairs: on every stage of the trace as many
// backward as forward passes, and as many as on the other stages. What is left out is said as a
// fact.
void summarize(StepModel& model);

// How long this kind of pass of each micro-batch took, model chunks added up; passes without a
// number stand alone.
std::vector<int64_t> microBatchTimes(const StageStep& stage, trace::Pass pass);

}  // namespace caracal::analysis
