#include <algorithm>
#include <utility>

#include "core/analysis/gpu_passes.h"
#include "core/profile/kernel_layers.h"
#include "core/profile/profile_from_trace.h"
#include "core/profile/stage_partition.h"
#include "core/profile/stage_scaling.h"
#include "core/profile/step_ends.h"

namespace caracal::profile {
namespace {

bool showsKernels(const trace::Trace& trace) {
  return trace.meta().count(analysis::kPassesFromKey) > 0;
}

// Of a trace of kernels whose layers tell their times by class; empty for traces of stages.
Result<std::vector<StageLayers>> stageLayers(const trace::Trace& trace,
                                             const analysis::StepModel& model,
                                             const Profile& estimate) {
  std::vector<StageLayers> stages;
  if (!showsKernels(trace)) return stages;
  const bool parts = std::any_of(estimate.kinds.begin(), estimate.kinds.end(),
                                 [](const LayerKind& kind) { return !kind.windows.empty(); });
  const auto collectives = parts ? LayerCollectives::kParts : LayerCollectives::kLeftOut;
  for (int32_t stage = 0; stage < model.stageCount; ++stage) {
    CARACAL_TRY(layers, findStageLayers(trace, model, stage, collectives));
    stages.push_back(std::move(layers));
  }
  return stages;
}

// As plan/schedule.h names it.
std::string scheduleOf(const analysis::StepModel& model) {
  return model.chunks > 1 ? fmt::format("interleaved:{}", model.chunks) : model.schedule;
}

}  // namespace

Result<Profile> profileFromStages(const trace::Trace& trace, const analysis::StepModel& model,
                                  const ModelDescription& description,
                                  std::vector<int32_t> layersOfChunk) {
  CARACAL_TRY(job, describedAsRun(description, trace, model));
  CARACAL_TRY(partition, partitionOf(std::move(layersOfChunk), job, model.chunks));
  CARACAL_TRY(hardware, loadHardware(job.gpu));
  CARACAL_TRY(estimate, profileFromModel(job, hardware));
  CARACAL_TRY(kernels, stageLayers(trace, model, estimate));
  if (!kernels.empty())
    CARACAL_CHECK_OK(fitToKernels(estimate, kernels, partition.layersOfStages()));
  Profile profile = scaledToStages(model, partition, std::move(estimate), kernels);
  if (showsKernels(trace)) fitStepEnds(profile, findStepEnds(trace, model));
  profile.source = trace.ranks().empty() ? "" : trace.ranks().front().file;
  profile.schedule = scheduleOf(model);
  profile.tag = trace::Tag::kEstimated;
  profile.stageTag = trace.tag();
  profile.observedPlan = observedPlan(kernels);
  return profile;
}

}  // namespace caracal::profile
