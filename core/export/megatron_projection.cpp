#include "core/export/megatron_projection.h"

#include <algorithm>

#include "core/plan/plain_policies.h"

namespace caracal::exporter {
namespace {

using plan::LayerPolicy;
using plan::Plan;
using profile::LayerKind;
using profile::Profile;

// With fused attention a checkpointed core saves nothing that this profile could show.
bool hasAttentionCore(const Profile& profile) {
  return std::all_of(profile.kinds.begin(), profile.kinds.end(), &plan::hasAttentionCore);
}

LayerPolicy keepAll(const LayerKind& kind) {
  return {plan::keepAllPlacements(kind)};
}

LayerPolicy recomputeWhole(const LayerKind& kind) {
  return {plan::fullPlacements(kind)};
}

LayerPolicy policyOf(const MegatronRecompute& recompute, const LayerKind& kind,
                     int32_t indexInStage) {
  switch (recompute.granularity) {
    case MegatronGranularity::kNone:
      return keepAll(kind);
    case MegatronGranularity::kSelective:
      return {plan::selectivePlacements(kind)};
    case MegatronGranularity::kBlock:
      return indexInStage < recompute.layers ? recomputeWhole(kind) : keepAll(kind);
    case MegatronGranularity::kUniform: {
      LayerPolicy policy = recomputeWhole(kind);
      policy.keepsInput = indexInStage % recompute.layers == 0;
      return policy;
    }
  }
  return keepAll(kind);
}

// Equal in what backward finds: which needed tensors are rebuilt, and from where. When is not
// compared.
bool sameTensors(const LayerKind& kind, const LayerPolicy& a, const LayerPolicy& b) {
  if (a.keepsInput != b.keepsInput) return false;
  for (size_t i = 0; i < kind.operators.size(); ++i) {
    if (kind.operators[i].needed() && a.placements[i].recomputed() != b.placements[i].recomputed())
      return false;
  }
  return true;
}

bool sameTensors(const Profile& profile, const Plan& a, const Plan& b) {
  for (size_t s = 0; s < a.stages.size(); ++s) {
    for (size_t i = 0; i < a.stages[s].layers.size(); ++i) {
      const LayerKind& kind = profile.kindOf(a.stages[s].firstLayer + static_cast<int32_t>(i));
      if (!sameTensors(kind, a.stages[s].layers[i], b.stages[s].layers[i])) return false;
    }
  }
  return true;
}

// Most bytes each stage may need (see projectForMegatron).
std::vector<int64_t> memoryLimits(const Profile& profile, const Plan& plan,
                                  const sim::SimResult& planned) {
  std::vector<int64_t> limits;
  for (size_t s = 0; s < plan.stages.size(); ++s) {
    const int64_t budget = plan.stages[s].budgetBytes;
    const int64_t device = profile.memory.capacityBytes;
    limits.push_back(budget > 0 ? budget : device > 0 ? device : planned.stages[s].peakBytes);
  }
  return limits;
}

class Weighing {
 public:
  Weighing(const Profile& profile, const Plan& plan, std::vector<int64_t> limits)
      : m_profile(profile), m_plan(plan), m_limits(std::move(limits)) {}

  Result<MegatronCandidate> weigh(const MegatronRecompute& recompute) const {
    MegatronCandidate candidate;
    candidate.recompute = recompute;
    candidate.plan = projected(m_profile, m_plan, recompute);
    CARACAL_TRY(predicted, sim::simulate(m_profile, candidate.plan));
    candidate.predicted = std::move(predicted);
    candidate.fits = true;
    for (size_t s = 0; s < m_limits.size(); ++s) {
      candidate.fits = candidate.fits && candidate.predicted.stages[s].peakBytes <= m_limits[s];
    }
    return candidate;
  }

  // full/block/k with the smallest k that fits; every layer where none does.
  Result<MegatronCandidate> smallestBlock() const {
    const std::vector<int32_t> partition = m_plan.partition();
    const int32_t smallestStage = *std::min_element(partition.begin(), partition.end());
    for (int32_t k = 1; k <= smallestStage; ++k) {
      CARACAL_TRY(candidate, weigh({MegatronGranularity::kBlock, k}));
      if (candidate.fits) return std::move(candidate);
    }
    return weigh({MegatronGranularity::kUniform, 1});
  }

 private:
  const Profile& m_profile;
  const Plan& m_plan;
  std::vector<int64_t> m_limits;
};

// Every choice of the target that could be the plan itself.
std::vector<MegatronRecompute> ownChoices(const Profile& profile, const Plan& plan) {
  std::vector<MegatronRecompute> choices{{MegatronGranularity::kNone, 0}};
  if (hasAttentionCore(profile)) choices.push_back({MegatronGranularity::kSelective, 0});
  const std::vector<int32_t> partition = plan.partition();
  const int32_t smallest = *std::min_element(partition.begin(), partition.end());
  const int32_t largest = *std::max_element(partition.begin(), partition.end());
  choices.push_back({MegatronGranularity::kUniform, 1});
  for (int32_t k = 1; k <= smallest; ++k) choices.push_back({MegatronGranularity::kBlock, k});
  for (int32_t n = 2; n <= largest; ++n) choices.push_back({MegatronGranularity::kUniform, n});
  return choices;
}

bool better(const MegatronCandidate& a, const MegatronCandidate& b) {
  if (a.fits != b.fits) return a.fits;
  if (a.fits) return a.predicted.stepNs < b.predicted.stepNs;
  const auto worstPeak = [](const MegatronCandidate& candidate) {
    int64_t worst = 0;
    for (const sim::StageResult& stage : candidate.predicted.stages)
      worst = std::max(worst, stage.peakBytes);
    return worst;
  };
  return worstPeak(a) < worstPeak(b);
}

}  // namespace

std::string toText(const MegatronRecompute& recompute) {
  switch (recompute.granularity) {
    case MegatronGranularity::kNone:
      return "none";
    case MegatronGranularity::kSelective:
      return "selective core_attn";
    case MegatronGranularity::kBlock:
      return fmt::format("full/block/{}", recompute.layers);
    case MegatronGranularity::kUniform:
      return fmt::format("full/uniform/{}", recompute.layers);
  }
  return {};
}

Plan projected(const Profile& profile, const Plan& plan, const MegatronRecompute& recompute) {
  Plan result = plan;
  result.name = plan.name + " as Megatron-LM runs it";
  result.policy = "megatron-lm " + toText(recompute);
  for (plan::StagePlan& stage : result.stages) {
    for (int32_t i = 0; i < stage.layerCount(); ++i) {
      stage.layers[static_cast<size_t>(i)] =
          policyOf(recompute, profile.kindOf(stage.firstLayer + i), i);
    }
  }
  return result;
}

Result<MegatronProjection> projectForMegatron(const Profile& profile, const Plan& plan,
                                              const sim::SimResult& planned) {
  const Weighing weighing(profile, plan, memoryLimits(profile, plan, planned));
  MegatronProjection projection;
  for (const MegatronRecompute& choice : ownChoices(profile, plan)) {
    if (!sameTensors(profile, plan, projected(profile, plan, choice))) continue;
    CARACAL_TRY(candidate, weighing.weigh(choice));
    projection.chosen = std::move(candidate);
    projection.sameTensors = true;
    return projection;
  }
  CARACAL_TRY(block, weighing.smallestBlock());
  projection.chosen = std::move(block);
  if (hasAttentionCore(profile)) {
    CARACAL_TRY(selective, weighing.weigh({MegatronGranularity::kSelective, 0}));
    projection.others.push_back(std::move(selective));
    if (better(projection.others[0], projection.chosen))
      std::swap(projection.others[0], projection.chosen);
  }
  return projection;
}

}  // namespace caracal::exporter
