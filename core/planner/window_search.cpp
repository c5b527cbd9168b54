#include "core/planner/window_search.h"

#include <algorithm>

namespace caracal::planner {
namespace {

using plan::Slot;

// Policies that cost more than four times the stage's own work differ in nothing but memory.
constexpr int64_t kAnyCost = kNoLimit / 4;

}  // namespace

WindowSearch::WindowSearch(const HeuProblem& problem, const StageModel& model,
                           const FateTable& table, WindowCosts& costs, int64_t budgetBytes)
    : m_problem(problem),
      m_model(model),
      m_table(table),
      m_costs(costs),
      m_budgetBytes(budgetBytes) {}

WindowSearch::Pending WindowSearch::open(FateSearch::Found found) {
  Pending pending;
  pending.fates = std::move(found.fates);
  pending.tailNs = m_costs.tailNs(pending.fates);
  pending.early.limitNs = m_costs.cheapest(Work::kEarly, pending.fates).costNs;
  pending.late.limitNs = m_costs.cheapest(Work::kLate, pending.fates).costNs;
  pending.releasableBytes = releasableBytes(pending.fates);
  // Equal objectives are decided by the recomputation, which the fates fix.
  pending.least = {pending.tailNs + pending.early.leastNs() + pending.late.leastNs(),
                   found.bound.recomputeNs};
  return pending;
}

// By how much prev.* work of the layer below may lower the peak of the top layer: it releases
// sources, but holds something on every way from a source to what backward reads. Ways that share
// nothing hold different tensors.
int64_t WindowSearch::releasableBytes(const Fates& fates) const {
  const auto& variables = m_problem.variables();
  std::vector<bool> taken(fates.size());
  int64_t bytes = 0;
  for (size_t source = 0; source < fates.size(); ++source) {
    if (!m_table.isLateSource(source, fates[source], fates)) continue;
    int64_t heldBytes = variables[source].retainedBytes;
    for (size_t at = source; !m_table[at].needed;) {
      const auto& consumers = m_table[at].consumers;
      const auto next = std::find_if(consumers.begin(), consumers.end(), [&](size_t consumer) {
        return fates[consumer] >= Fate::kLate && !taken[consumer];
      });
      if (next == consumers.end()) {
        heldBytes = 0;
        break;
      }
      at = *next;
      taken[at] = true;
      heldBytes = std::min(heldBytes, variables[at].liveBytes);
    }
    bytes += variables[source].retainedBytes - heldBytes;
  }
  return bytes;
}

// Makes sure that a next choice is listed, or that all costs up to a higher limit are refused.
// False: all there are have been refused. First comes the cheapest, then those
// that cost as little.
bool WindowSearch::list(Work work, const Fates& fates, Pending::Choices& choices) {
  if (choices.next < choices.list.size()) return true;
  if (choices.list.empty()) {
    choices.list = {m_costs.cheapest(work, fates)};
    return true;
  }
  if (choices.limitNs == kAnyCost) return false;
  const PassTimes& plain = m_model.plainTimes();
  const int64_t mostNs = 4 * m_model.microBatches() * (1 + plain.forwardNs + plain.backwardNs);
  const int64_t refusedNs = choices.limitNs;  // all cheaper ones
  choices.limitNs += std::max<int64_t>(1, choices.raiseNs);
  choices.raiseNs = std::max(1 + mostNs / 4000, 2 * choices.raiseNs);
  if (choices.limitNs - choices.list.front().costNs > mostNs) choices.limitNs = kAnyCost;
  choices.list = m_costs.cheaperThan(choices.limitNs, work, fates);
  const auto next =
      std::find_if(choices.list.begin(), choices.list.end(),
                   [&](const Assignment& choice) { return choice.costNs >= refusedNs; });
  choices.next = static_cast<size_t>(next - choices.list.begin());
  return choices.next < choices.list.size() || choices.limitNs < kAnyCost;
}

WindowSearch::Judged WindowSearch::judge(const Fates& fates, const Assignment& early,
                                         const Assignment& late) {
  ++m_judged;
  const auto& kinds = m_model.shape().profile.kinds;
  Judged judged;
  judged.policies.resize(kinds.size());
  auto& placements = judged.policies[static_cast<size_t>(m_costs.kind())];
  placements.resize(fates.size());
  for (size_t v = 0; v < fates.size(); ++v) {
    plan::Placement& placement = placements[static_cast<size_t>(m_problem.variables()[v].op)];
    if (fates[v] == Fate::kAbsent) placement = {plan::PlacementKind::kDiscarded};
    if (fates[v] == Fate::kKept) placement = {plan::PlacementKind::kRetained};
    if (fates[v] == Fate::kEarly) placement = placementOf(early.slots[v]);
    if (fates[v] >= Fate::kLate) placement = placementOf(late.slots[v]);
  }
  judged.resolved = m_model.resolve(judged.policies);
  judged.peaks = m_model.peaks(judged.policies, judged.resolved);
  return judged;
}

// The top layer rebuilds on demand what others place in prev.*: what it takes depends on the work
// in own.bwd.mlp alone.
bool WindowSearch::topFits(Pending& pending, const Assignment& early, const Assignment& late) {
  std::vector<bool> own;
  for (const Slot slot : late.slots) own.push_back(slot == Slot::kOwnBwdMlp);
  const auto [known, isNew] = pending.topFits.try_emplace(std::move(own), true);
  if (isNew) {
    Assignment alone = late;
    for (Slot& slot : alone.slots) {
      if (slot != Slot::kOwnBwdMlp) slot = Slot::kOnDemandMlp;
    }
    const StagePeaks peaks = judge(pending.fates, early, alone).peaks;
    known->second = peaks.lateTop - pending.releasableBytes <= m_budgetBytes;
  }
  return known->second;
}

// Whether the top layer fits with some set of its late work in own.bwd.mlp.
bool WindowSearch::someTopFits(Pending& pending, size_t variable, const Assignment& early,
                               Assignment& late) {
  const auto& variables = m_problem.variables();
  while (variable < variables.size() && pending.fates[variable] != Fate::kLate) ++variable;
  if (variable == variables.size()) return topFits(pending, early, late);
  late.slots[variable] = Slot::kOnDemandMlp;
  if (someTopFits(pending, variable + 1, early, late)) return true;
  const auto& choices = variables[variable].recomputeChoices;
  if (std::find(choices.begin(), choices.end(), Choice::kOwnBwdMlp) == choices.end()) return false;
  late.slots[variable] = Slot::kOwnBwdMlp;
  return someTopFits(pending, variable + 1, early, late);
}

WindowSearch::Outcome WindowSearch::advance(Pending& pending, HeuPolicy& found) {
  for (;;) {
    if (!list(Work::kEarly, pending.fates, pending.early) ||
        !list(Work::kLate, pending.fates, pending.late))
      return Outcome::kNever;
    const int64_t costNs = pending.tailNs + pending.early.leastNs() + pending.late.leastNs();
    if (costNs > pending.least.objectiveNs) {
      pending.least.objectiveNs = costNs;
      return Outcome::kNotYet;
    }
    const Assignment& early = pending.early.list[pending.early.next];
    const Assignment& late = pending.late.list[pending.late.next];
    const bool first = pending.topFits.empty();
    Judged judged = judge(pending.fates, early, late);
    if (judged.peaks.coolDown > m_budgetBytes) return Outcome::kNever;
    if (judged.peaks.bytes() <= m_budgetBytes) {
      found.found = true;
      found.policies = std::move(judged.policies);
      found.times = m_model.passTimes(judged.resolved);
      found.objectiveNs = costNs;
      found.recomputeNs = pending.least.recomputeNs;
      found.peakBytes = judged.peaks.bytes();
      return Outcome::kFound;
    }
    if (first && judged.peaks.lateTop - pending.releasableBytes > m_budgetBytes) {
      Assignment some = late;
      if (!someTopFits(pending, 0, early, some)) return Outcome::kNever;
    }
    if (judged.peaks.early > m_budgetBytes) ++pending.early.next;
    if (judged.peaks.late > m_budgetBytes) ++pending.late.next;
    while (pending.late.next < pending.late.list.size() &&
           !topFits(pending, early, pending.late.list[pending.late.next]))
      ++pending.late.next;
  }
}

}  // namespace caracal::planner
