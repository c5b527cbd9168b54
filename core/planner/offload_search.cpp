#include "core/planner/offload_search.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "core/base/format.h"
#include "core/plan/layer_graph.h"
#include "core/sim/simulator.h"

namespace caracal::planner {
namespace {

using plan::Placement;
using plan::PlacementKind;
using profile::LayerKind;
using profile::Operator;
using profile::Profile;

// A tensor on the host still counts for something, so that a policy knows that it is needed.
constexpr int64_t kBytesLeft = 1;
constexpr int kBudgetTrials = 6;
constexpr int kExchangeTrials = 600;

using TensorSet = std::vector<std::vector<size_t>>;  // per layer kind, operators

// What takes longest to rebuild for its bytes first: a copy in its place saves most.
std::vector<size_t> offloadable(const LayerKind& kind) {
  std::vector<size_t> tensors;
  for (size_t op = 0; op + 1 < kind.operators.size(); ++op) {
    if (kind.operators[op].needed()) tensors.push_back(op);
  }
  std::stable_sort(tensors.begin(), tensors.end(), [&](size_t a, size_t b) {
    const Operator &left = kind.operators[a], &right = kind.operators[b];
    return static_cast<double>(left.forwardNs) * static_cast<double>(right.savedBytes) >
           static_cast<double>(right.forwardNs) * static_cast<double>(left.savedBytes);
  });
  return tensors;
}

// The first `count` of a kind's tensors whose copies fit beside one layer, or fewer.
std::vector<size_t> dearest(const Profile& profile, const LayerKind& kind, size_t count) {
  std::vector<size_t> chosen;
  int64_t roomNs = std::min(kind.forwardNs(), kind.backwardNs());
  for (const size_t op : offloadable(kind)) {
    const auto bytes = static_cast<double>(kind.operators[op].savedBytes);
    const int64_t ns = profile.hostLink.transferNs(bytes);
    if (chosen.size() == count) break;
    if (ns > roomNs) continue;
    roomNs -= ns;
    chosen.push_back(op);
  }
  return chosen;
}

std::vector<TensorSet> setsToTry(const Profile& profile) {
  std::vector<TensorSet> sets;
  for (size_t count = 1;; ++count) {
    TensorSet set;
    for (const LayerKind& kind : profile.kinds) set.push_back(dearest(profile, kind, count));
    if (set == (sets.empty() ? TensorSet(profile.kinds.size()) : sets.back())) return sets;
    sets.push_back(std::move(set));
  }
}

Profile without(const Profile& profile, const TensorSet& set) {
  Profile smaller = profile;
  for (size_t kind = 0; kind < set.size(); ++kind) {
    for (const size_t op : set[kind]) smaller.kinds[kind].operators[op].savedBytes = kBytesLeft;
  }
  return smaller;
}

// What is on the host is back when the layer's backward begins: recomputations that start from it,
// or from one of those, cannot run before.
void runBehindFetches(const plan::LayerGraph& graph, std::vector<Placement>& placements) {
  std::vector<bool> late(placements.size(), false);
  for (size_t op = 0; op < placements.size(); ++op) {
    Placement& placement = placements[op];
    late[op] = placement.kind == PlacementKind::kOffload;
    const bool early =
        placement.kind == PlacementKind::kWindow && placement.window != plan::WindowId::kOwnBwdMlp;
    if (!early) continue;
    const auto& inputs = graph.operators[op].inputs;
    late[op] = std::any_of(inputs.begin(), inputs.end(), [&](int16_t input) {
      return input != plan::kLayerInput && late[static_cast<size_t>(input)];
    });
    if (late[op]) placement = {PlacementKind::kOnDemand};
  }
}

// Not of the top layer, behind which no layer's forward hides the copies.
void offload(const Profile& profile, const TensorSet& set, plan::StagePlan& stage) {
  for (int32_t i = 0; i + 1 < stage.layerCount(); ++i) {
    const uint32_t kind = profile.layers[static_cast<size_t>(stage.firstLayer + i)];
    auto& placements = stage.layers[static_cast<size_t>(i)].placements;
    for (const size_t op : set[kind]) {
      if (placements[op].kind == PlacementKind::kRetained)
        placements[op] = {PlacementKind::kOffload};
    }
    runBehindFetches(plan::graphOf(profile.kinds[kind]), placements);
  }
}

struct Trial {
  plan::Plan plan;
  int64_t stepNs = 0;
  int64_t excessBytes = 0;  // of the device beyond the budget, at most
  int64_t exposedCopyNs = 0;
  int64_t hostBytes = 0;  // of the device that has most

  bool valid() const { return !plan.stages.empty(); }
  bool betterThan(const Trial& other) const {
    return std::pair(excessBytes, stepNs) < std::pair(other.excessBytes, other.stepNs);
  }
};

Result<Trial> tried(const Profile& profile, plan::Plan plan, int64_t budgetBytes,
                    std::stop_token stop) {
  if (!plan::validate(profile, plan)) return Trial{};  // the host has no room
  CARACAL_TRY(result, sim::simulate(profile, plan, {}, stop));
  Trial trial{std::move(plan), result.stepNs};
  for (const sim::StageResult& stage : result.stages) {
    if (budgetBytes > 0)
      trial.excessBytes = std::max(trial.excessBytes, stage.peakBytes - budgetBytes);
    trial.exposedCopyNs = std::max(trial.exposedCopyNs, stage.exposedOffloadNs);
    trial.hostBytes = std::max(trial.hostBytes, stage.hostBytes);
  }
  return trial;
}

class OffloadSearch {
 public:
  OffloadSearch(const Profile& profile, int64_t budgetBytes, const Replan& replan,
                std::stop_token stop)
      : m_profile(profile), m_budgetBytes(budgetBytes), m_replan(replan), m_stop(std::move(stop)) {}

  // The plan of `base`'s partition with the set on the host. What is fetched takes device memory
  // that the policy does not see: its budget shrinks until everything fits.
  Result<Trial> planWith(const TensorSet& set, const plan::Plan& base) const {
    const Profile smaller = without(m_profile, set);
    int64_t budgetBytes = m_budgetBytes;
    Trial trial;
    for (int i = 0; i < kBudgetTrials && budgetBytes > 0; ++i) {
      CARACAL_TRY(planned, m_replan(smaller, budgetBytes));
      if (planned.stages.empty()) break;
      plan::Plan plan = base;
      for (size_t s = 0; s < plan.stages.size(); ++s) {
        plan.stages[s].layers = planned.stages[s].layers;
        offload(m_profile, set, plan.stages[s]);
      }
      CARACAL_TRY(next, tried(m_profile, std::move(plan), m_budgetBytes, m_stop));
      trial = std::move(next);
      if (!trial.valid() || trial.excessBytes == 0) break;
      budgetBytes -= std::max(trial.excessBytes, m_budgetBytes / 500);
    }
    return trial;
  }

  // While that makes the step shorter, moves one tensor of one layer between device, host and
  // recomputation.
  Result<Trial> exchanged(Trial best) const {
    int trials = kExchangeTrials;
    for (bool again = true; again;) {
      again = false;
      for (size_t s = 0; s < best.plan.stages.size(); ++s) {
        for (int32_t i = 0; i + 1 < best.plan.stages[s].layerCount(); ++i) {
          const auto layer = static_cast<size_t>(best.plan.stages[s].firstLayer + i);
          for (const auto& [op, kind] : movesOf(m_profile.kinds[m_profile.layers[layer]])) {
            plan::Plan plan = moved(best.plan, s, i, op, kind);
            if (plan == best.plan) continue;
            if (trials-- == 0) return best;
            CARACAL_TRY(next, tried(m_profile, std::move(plan), m_budgetBytes, m_stop));
            if (!next.valid() || !next.betterThan(best)) continue;
            best = std::move(next);
            again = true;
          }
        }
      }
    }
    return best;
  }

  // Takes stages back to how they were where that makes nothing worse.
  Result<Trial> onlyWhereItPays(Trial trial, const plan::Plan& base) const {
    for (size_t s = 0; s < base.stages.size(); ++s) {
      plan::Plan plan = trial.plan;
      plan.stages[s].layers = base.stages[s].layers;
      if (plan == trial.plan) continue;
      CARACAL_TRY(next, tried(m_profile, std::move(plan), m_budgetBytes, m_stop));
      if (next.valid() && !trial.betterThan(next)) trial = std::move(next);
    }
    return trial;
  }

 private:
  using Move = std::pair<size_t, PlacementKind>;  // an operator's tensor, and where to
  static std::vector<Move> movesOf(const LayerKind& kind) {
    std::vector<Move> moves;
    for (const size_t op : offloadable(kind)) {
      for (const PlacementKind to :
           {PlacementKind::kRetained, PlacementKind::kOffload, PlacementKind::kOnDemand})
        moves.emplace_back(op, to);
    }
    return moves;
  }

  plan::Plan moved(plan::Plan plan, size_t stage, int32_t layer, size_t op,
                   PlacementKind to) const {
    plan::StagePlan& changed = plan.stages[stage];
    auto& placements = changed.layers[static_cast<size_t>(layer)].placements;
    if (placements[op].kind == to) return plan;
    placements[op] = {to};
    const auto index = static_cast<size_t>(changed.firstLayer + layer);
    runBehindFetches(plan::graphOf(m_profile.kinds[m_profile.layers[index]]), placements);
    return plan;
  }

  const Profile& m_profile;
  int64_t m_budgetBytes;
  const Replan& m_replan;
  std::stop_token m_stop;
};

std::string noteOf(const Profile& profile, const Trial& trial, const Trial& before) {
  std::set<std::string> tensors;
  std::vector<size_t> stages;
  for (size_t s = 0; s < trial.plan.stages.size(); ++s) {
    const plan::StagePlan& stage = trial.plan.stages[s];
    for (int32_t i = 0; i < stage.layerCount(); ++i) {
      const LayerKind& kind = profile.kindOf(stage.firstLayer + i);
      const auto& placements = stage.layers[static_cast<size_t>(i)].placements;
      for (size_t op = 0; op < placements.size(); ++op) {
        if (placements[op].kind != PlacementKind::kOffload) continue;
        tensors.insert(kind.operators[op].id);
        if (stages.empty() || stages.back() != s) stages.push_back(s);
      }
    }
  }
  return fmt::format(
      "offloads {} of stages {}: up to {} on the host of a GPU, copies wait up to {} a step; "
      "without "
      "offload {}",
      fmt::join(tensors, ", "), fmt::join(stages, ", "), formatBytes(trial.hostBytes),
      formatDuration(trial.exposedCopyNs),
      before.excessBytes > 0 ? std::string("nothing fits")
                             : "the step takes " + formatDuration(before.stepNs));
}

}  // namespace

Result<OffloadOutcome> offloadSearch(const Profile& profile, const plan::Plan& plan,
                                     int64_t budgetBytes, const Replan& replan,
                                     TensorExchange exchange, std::stop_token stop) {
  const OffloadSearch search(profile, budgetBytes, replan, stop);
  CARACAL_TRY(before, tried(profile, plan, budgetBytes, stop));
  Trial best = before;
  for (const TensorSet& set : setsToTry(profile)) {
    if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "planning cancelled");
    CARACAL_TRY(trial, search.planWith(set, plan));
    if (trial.valid() && trial.betterThan(best)) best = std::move(trial);
  }
  if (exchange == TensorExchange::kSingle) {
    CARACAL_TRY(next, search.exchanged(std::move(best)));
    best = std::move(next);
  }
  const OffloadOutcome nothing{plan, before.stepNs, false,
                               "offloading to the host makes no shorter step"};
  if (!best.betterThan(before) || best.excessBytes > 0) return nothing;
  CARACAL_TRY(kept, search.onlyWhereItPays(std::move(best), plan));
  if (kept.hostBytes == 0) return nothing;
  return OffloadOutcome{kept.plan, kept.stepNs, true, noteOf(profile, kept, before)};
}

}  // namespace caracal::planner
