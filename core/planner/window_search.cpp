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
    const size_t op = operatorOf(v);
    if (fates[v] == Fate::kAbsent) placements[op] = {plan::PlacementKind::kDiscarded};
    if (fates[v] == Fate::kKept) placements[op] = {plan::PlacementKind::kRetained};
    if (fates[v] == Fate::kEarly) placements[op] = placementOf(early.slots[op]);
    if (fates[v] >= Fate::kLate) placements[op] = placementOf(late.slots[op]);
  }
  judged.resolved = m_model.resolve(judged.policies);
  judged.peaks = m_model.peaks(judged.policies, judged.resolved);
  return judged;
}

// The top layer rebuilds on demand what others place in prev.*: what it takes depends on the work
// in own.bwd.mlp alone.
const WindowSearch::Top& WindowSearch::top(Pending& pending, const Assignment& late) {
  std::vector<bool> own;
  own.reserve(late.slots.size());
  for (const Slot slot : late.slots) own.push_back(slot == Slot::kOwnBwdMlp);
  const auto known = pending.tops.find(own);
  if (known != pending.tops.end()) return known->second;
  ++m_timelines;
  for (size_t v = 0; v < pending.fates.size(); ++v) {
    if (pending.fates[v] < Fate::kLate) continue;
    const bool inOwn = late.slots[operatorOf(v)] == Slot::kOwnBwdMlp;
    pending.placements[operatorOf(v)] = placementOf(inOwn ? Slot::kOwnBwdMlp : Slot::kOnDemandMlp);
  }
  LayerTimeline timeline = m_model.steadyTimeline(m_costs.kind(), kNoKind, pending.placements);
  const int64_t peak =
      std::max(pending.peaks.topBeginPeak, pending.peaks.topBegin + timeline.backwardPeak());
  const bool fits = peak - pending.releasableBytes <= m_budgetBytes;
  return pending.tops.emplace(std::move(own), Top{std::move(timeline), fits}).first->second;
}

// False: the backward of the first micro-batches takes too much, whatever the early windows, which
// hold the same once they are over.
bool WindowSearch::lateFits(Pending& pending, const Assignment& late) {
  const Top& above = top(pending, late);
  if (!above.fits) return false;
  if (m_model.shape().plan.layerCount() == 1) return true;
  ++m_timelines;
  for (size_t v = 0; v < pending.fates.size(); ++v) {
    if (pending.fates[v] >= Fate::kLate)
      pending.placements[operatorOf(v)] = placementOf(late.slots[operatorOf(v)]);
  }
  const int32_t kind = m_costs.kind();
  const LayerTimeline below = m_model.steadyTimeline(kind, kind, pending.placements);
  return m_model.backwardPeak(pending.peaks, above.timeline, below) <= m_budgetBytes;
}

// Whether the top layer fits with some set of its late work in own.bwd.mlp.
bool WindowSearch::someTopFits(Pending& pending, size_t variable, Assignment& late) {
  const auto& variables = m_problem.variables();
  while (variable < variables.size() && pending.fates[variable] != Fate::kLate) ++variable;
  if (variable == variables.size()) return topFits(pending, late);
  late.slots[operatorOf(variable)] = Slot::kOnDemandMlp;
  if (someTopFits(pending, variable + 1, late)) return true;
  const auto& choices = variables[variable].recomputeChoices;
  if (std::find(choices.begin(), choices.end(), Choice::kOwnBwdMlp) == choices.end()) return false;
  late.slots[operatorOf(variable)] = Slot::kOwnBwdMlp;
  return someTopFits(pending, variable + 1, late);
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
    const bool first = pending.placements.empty();
    if (!first && !lateFits(pending, late)) {
      ++pending.late.next;
      continue;
    }
    Judged judged = judge(pending.fates, early, late);
    if (first) {
      pending.placements = judged.policies[static_cast<size_t>(m_costs.kind())];
      pending.peaks = judged.peaks;
    }
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
      if (!someTopFits(pending, 0, some)) return Outcome::kNever;
    }
    if (judged.peaks.early > m_budgetBytes) ++pending.early.next;
    if (judged.peaks.late > m_budgetBytes) ++pending.late.next;
  }
}

}  // namespace caracal::planner
