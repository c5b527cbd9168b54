#include <algorithm>

#include "core/base/format.h"
#include "core/export/megatron.h"
#include "core/export/megatron_layout.h"

namespace caracal::exporter {
namespace {

using plan::LayerPolicy;
using plan::Plan;
using profile::Profile;

// How the plan and its projection differ, counted over layers and tensors that backward reads.
struct Difference {
  int32_t layers = 0;
  int32_t recomputingPlanned = 0;  // layers that rebuild at least one tensor
  int32_t recomputingProjected = 0;
  int32_t otherTensors = 0;  // layers that rebuild another set of tensors
  int32_t windowed = 0;      // placements in windows
};

bool rebuilds(const profile::LayerKind& kind, const LayerPolicy& policy, size_t op) {
  return kind.operators[op].needed() && policy.placements[op].recomputed();
}

Difference compare(const Profile& profile, const Plan& plan, const Plan& projection) {
  Difference difference;
  for (size_t s = 0; s < plan.stages.size(); ++s) {
    for (size_t i = 0; i < plan.stages[s].layers.size(); ++i) {
      const profile::LayerKind& kind =
          profile.kindOf(plan.stages[s].firstLayer + static_cast<int32_t>(i));
      const LayerPolicy& before = plan.stages[s].layers[i];
      const LayerPolicy& after = projection.stages[s].layers[i];
      bool anyBefore = false, anyAfter = false, same = before.keepsInput == after.keepsInput;
      for (size_t op = 0; op < kind.operators.size(); ++op) {
        anyBefore |= rebuilds(kind, before, op);
        anyAfter |= rebuilds(kind, after, op);
        same &= rebuilds(kind, before, op) == rebuilds(kind, after, op);
        difference.windowed += before.placements[op].kind == plan::PlacementKind::kWindow ? 1 : 0;
      }
      ++difference.layers;
      difference.recomputingPlanned += anyBefore ? 1 : 0;
      difference.recomputingProjected += anyAfter ? 1 : 0;
      difference.otherTensors += same ? 0 : 1;
    }
  }
  return difference;
}

int64_t hiddenNs(const sim::SimResult& result) {
  int64_t total = 0;
  for (const sim::StageResult& stage : result.stages) total += stage.hiddenRecomputeNs;
  return total;
}

FieldLoss partitionLoss(const Plan& plan) {
  if (plan.parallel.pipeline == 1)
    return {"partition", Fidelity::kExact, "one stage, no flag needed"};
  return {
      "partition", Fidelity::kExact,
      fmt::format("--pipeline-model-parallel-layout '{}'; the target calls this flag experimental",
                  layoutText(plan.partition()))};
}

FieldLoss tensorsLoss(const Difference& difference, const MegatronProjection& projection) {
  const MegatronRecompute& recompute = projection.chosen.recompute;
  const std::string caveat =
      recompute.granularity == MegatronGranularity::kSelective
          ? ". It acts only where the job's attention is neither fused nor flash"
          : "";
  if (projection.sameTensors) {
    return {"recomputed tensors", Fidelity::kExact,
            fmt::format("{}: the tensors that the plan rebuilds{}", toText(recompute), caveat)};
  }
  return {"recomputed tensors", Fidelity::kProjected,
          fmt::format(
              "{}: the target has one choice for all stages, whole layers or the attention core. "
              "The plan rebuilds tensors in {} of {} layers, the target in {}; {} layers "
              "rebuild another set{}",
              toText(recompute), difference.recomputingPlanned, difference.layers,
              difference.recomputingProjected, difference.otherTensors, caveat)};
}

FieldLoss timingLoss(const Difference& difference, const sim::SimResult& planned) {
  if (difference.windowed == 0) {
    return {"recompute timing", Fidelity::kExact,
            "on demand in the backward pass, as the plan has it"};
  }
  return {
      "recompute timing", Fidelity::kDropped,
      fmt::format(
          "the plan puts {} tensors into communication windows and hides {} of recomputation per "
          "step; the target "
          "recomputes on the compute stream when backward reaches the layer, collectives included",
          difference.windowed, formatDuration(hiddenNs(planned)))};
}

FieldLoss memoryLoss(const MegatronCandidate& chosen) {
  std::string peaks;
  for (const sim::StageResult& stage : chosen.predicted.stages) {
    peaks += (peaks.empty() ? "" : ", ") + formatBytes(stage.peakBytes);
  }
  if (chosen.fits) {
    return {"memory budget", Fidelity::kDropped,
            fmt::format("no flag limits memory; predicted peaks are {}", peaks)};
  }
  return {"memory budget", Fidelity::kDropped,
          fmt::format("nothing that the target offers fits: predicted peaks are {}. Use fewer "
                      "layers per GPU, a smaller "
                      "micro-batch, or more tensor-parallel ranks",
                      peaks)};
}

// A profile of a runtime that draws dropout masks from counters knows no masks; Megatron-LM stores
// them.
bool masksAreUncounted(const Profile& profile) {
  if (profile.model.dropout <= 0) return false;
  return std::any_of(profile.kinds.begin(), profile.kinds.end(),
                     [](const profile::LayerKind& kind) {
                       const int last = kind.indexOf("residual2");
                       return last >= 0 && !kind.operators[static_cast<size_t>(last)].needed();
                     });
}

}  // namespace

std::vector<FieldLoss> megatronLosses(const Profile& profile, const Plan& plan,
                                      const sim::SimResult& planned,
                                      const MegatronProjection& projection) {
  const Difference difference = compare(profile, plan, projection.chosen.plan);
  std::vector<FieldLoss> losses{
      partitionLoss(plan),
      {"parallel sizes", Fidelity::kExact,
       fmt::format("tensor {}, pipeline {}; data-parallel {} follows from starting {} ranks",
                   plan.parallel.tensor, plan.parallel.pipeline, plan.parallel.data,
                   plan.parallel.ranks())},
      {"batch", Fidelity::kExact,
       fmt::format("{} micro-batches of {} per replica and step", plan.parallel.microBatches,
                   plan.model.microBatchSize)},
      {"schedule", Fidelity::kExact, "1F1B is the target's schedule without virtual stages"},
      tensorsLoss(difference, projection),
      timingLoss(difference, planned),
      memoryLoss(projection.chosen)};
  if (masksAreUncounted(profile)) {
    losses.push_back({"dropout masks", Fidelity::kDropped,
                      "the profile's masks take no memory (they are drawn again from counters); "
                      "the target stores one byte "
                      "per element, which the predicted peaks do not contain"});
  }
  return losses;
}

}  // namespace caracal::exporter
