#include "core/planner/baselines.h"

#include <algorithm>
#include <charconv>

#include "core/plan/plain_policies.h"
#include "core/sim/simulator.h"

namespace caracal::planner {
namespace {

using plan::Placement;
using plan::PlacementKind;
using profile::LayerKind;
using profile::Operator;

Result<void> checkNumber(const Baseline& baseline, const plan::Plan& plan) {
  if (baseline.kind != BaselineKind::kUniform && baseline.kind != BaselineKind::kBlock) return {};
  for (size_t s = 0; s < plan.stages.size(); ++s) {
    if (baseline.layers <= plan.stages[s].layerCount()) continue;
    return fail(ErrorCode::kInvalidInput,
                "policy {}: stage {} has only {} layers; choose a number from 1 to {}", plan.policy,
                s, plan.stages[s].layerCount(), plan.stages[s].layerCount());
  }
  return {};
}

}  // namespace

Result<std::optional<Baseline>> baselineFromName(std::string_view text) {
  if (text == "none") return Baseline{BaselineKind::kNone};
  if (text == "full") return Baseline{BaselineKind::kFull};
  if (text == "selective") return Baseline{BaselineKind::kSelective};
  const size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  if (name != "uniform" && name != "block") return std::optional<Baseline>{};
  Baseline baseline{name == "uniform" ? BaselineKind::kUniform : BaselineKind::kBlock, 0};
  if (colon != std::string_view::npos) {
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + colon + 1, end, baseline.layers);
    if (parsed.ec != std::errc() || parsed.ptr != end) baseline.layers = 0;
  }
  if (baseline.layers < 1) {
    return fail(ErrorCode::kInvalidInput,
                "policy `{}` needs a number of layers from 1 on, as in `{}:1`", text, name);
  }
  return baseline;
}

plan::LayerPolicy baselineLayer(const Baseline& baseline, const LayerKind& kind,
                                int32_t indexInStage) {
  plan::LayerPolicy policy;
  switch (baseline.kind) {
    case BaselineKind::kNone:
      policy.placements = plan::keepAllPlacements(kind);
      break;
    case BaselineKind::kFull:
      policy.placements = plan::fullPlacements(kind);
      break;
    case BaselineKind::kSelective:
      policy.placements = plan::selectivePlacements(kind);
      break;
    case BaselineKind::kUniform:
      policy.placements = plan::fullPlacements(kind);
      policy.keepsInput = indexInStage % baseline.layers == 0;
      break;
    case BaselineKind::kBlock:
      policy.placements = indexInStage < baseline.layers ? plan::fullPlacements(kind)
                                                         : plan::keepAllPlacements(kind);
      break;
  }
  return policy;
}

Result<Candidate> baselineCandidate(const profile::Profile& profile, const Baseline& baseline,
                                    plan::Plan skeleton, std::stop_token stop) {
  CARACAL_CHECK_OK(checkNumber(baseline, skeleton));
  for (plan::StagePlan& stage : skeleton.stages) {
    for (int32_t l = 0; l < stage.layerCount(); ++l) {
      stage.layers[static_cast<size_t>(l)] =
          baselineLayer(baseline, profile.kindOf(stage.firstLayer + l), l);
    }
  }
  return simulatedCandidate(profile, std::move(skeleton), std::move(stop));
}

void applyPolicies(const profile::Profile& profile,
                   const std::vector<std::vector<Placement>>& placementsOfKind, plan::Plan& plan) {
  for (plan::StagePlan& stage : plan.stages) {
    for (int32_t l = 0; l < stage.layerCount(); ++l) {
      const uint32_t kind = profile.layers[static_cast<size_t>(stage.firstLayer + l)];
      stage.layers[static_cast<size_t>(l)].placements = placementsOfKind[kind];
    }
  }
}

Result<Candidate> simulatedCandidate(const profile::Profile& profile, plan::Plan plan,
                                     std::stop_token stop) {
  CARACAL_TRY(simulated, sim::simulate(profile, plan, {}, stop));
  Candidate candidate;
  candidate.plan = std::move(plan);
  candidate.status = simulated.fits ? PlanStatus::kFeasible : PlanStatus::kInfeasible;
  candidate.stepNs = simulated.stepNs;
  for (const sim::StageResult& stage : simulated.stages) {
    candidate.peakBytes.push_back(stage.peakBytes);
    candidate.loadNs.push_back(stage.forwardNs + stage.backwardNs);
  }
  candidate.smallestBudgetBytes =
      *std::max_element(candidate.peakBytes.begin(), candidate.peakBytes.end());
  return candidate;
}

}  // namespace caracal::planner
