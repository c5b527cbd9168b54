#include "core/planner/window_search.h"

#include <algorithm>

namespace caracal::planner {
namespace {

using plan::Slot;
using plan::WindowId;

Fate fateOf(Choice choice) {
  return slotOf(choice) <= Slot::kPipe ? Fate::kEarly : Fate::kLate;
}

SlotLoad& at(KindLoad& loads, Slot slot) {
  return loads[static_cast<size_t>(slot)];
}

const SlotLoad& at(const KindLoad& loads, Slot slot) {
  return loads[static_cast<size_t>(slot)];
}

int64_t total(const SlotLoad& load) {
  return load.operatorNs + load.collectiveNs;
}

int64_t beyond(int64_t ns, int64_t capacityNs) {
  return std::max<int64_t>(0, ns - capacityNs);
}

}  // namespace

WindowSearch::WindowSearch(const HeuProblem& problem, const StageModel& model,
                           const StageGaps& gaps, int64_t budgetBytes)
    : m_problem(problem), m_model(model), m_gaps(gaps), m_budgetBytes(budgetBytes) {
  const auto& variables = problem.variables();
  m_kind = variables.front().kind;
  m_layers = model.layersOfKind(m_kind);
  const plan::LayerGraph& graph = model.shape().graphs.kinds[static_cast<size_t>(m_kind)];
  for (const Variable& variable : variables) {
    auto& consumers = m_consumers.emplace_back();
    for (int16_t consumer : graph.operators[variable.op].consumers)
      consumers.push_back(problem.variableOf(m_kind, consumer));
  }
}

// By the backward that reads the tensor, and by what is rebuilt from it.
Slot WindowSearch::deadlineOf(Fate fate, size_t variable) const {
  Slot deadline = fate == Fate::kEarly ? Slot::kPipe : m_problem.variables()[variable].deadline;
  for (size_t consumer : m_consumers[variable]) deadline = std::min(deadline, m_slots[consumer]);
  return deadline;
}

void WindowSearch::assign(Fate fate, size_t variable, int64_t limitNs,
                          std::vector<Assignment>& list) {
  const auto& variables = m_problem.variables();
  while (variable < variables.size() && !ofFate(fate, variable)) ++variable;
  ++m_nodes;
  if (leastCost(fate) >= limitNs) return;
  if (variable == variables.size()) {
    const int64_t costNs = fate == Fate::kEarly ? earlyCost() : lateCost();
    if (costNs >= limitNs) return;
    int64_t lateness = 0;
    for (Slot slot : m_slots) lateness += slot == Slot::kNone ? 0 : static_cast<int64_t>(slot);
    list.push_back({costNs, lateness, m_slots});
    return;
  }
  const Variable& v = variables[variable];
  const Slot deadline = deadlineOf(fate, variable);
  for (Choice choice : v.recomputeChoices) {
    const Slot slot = slotOf(choice);
    if (fateOf(choice) != fate || slot > deadline) continue;
    // On demand is as late as it can be.
    if (slot == Slot::kOnDemandMlp && deadline >= Slot::kOnDemandAttn) continue;
    int64_t& load = v.collective ? at(m_loads, slot).collectiveNs : at(m_loads, slot).operatorNs;
    load += v.forwardNs;
    m_restNs -= v.forwardNs;
    m_slots[variable] = slot;
    assign(fate, variable + 1, limitNs, list);
    m_slots[variable] = Slot::kNone;
    m_restNs += v.forwardNs;
    load -= v.forwardNs;
  }
}

// Lower bound, contention aside; what is not assigned yet takes whatever is free.
int64_t WindowSearch::leastCost(Fate fate) const {
  if (fate == Fate::kEarly) {
    const int64_t attnNs = m_model.windowNs(m_kind, WindowId::kFwdAttn);
    const int64_t mlpNs = m_model.windowNs(m_kind, WindowId::kFwdMlp);
    const SlotLoad& attn = at(m_loads, Slot::kFwdAttn);
    const SlotLoad& mlp = at(m_loads, Slot::kFwdMlp);
    const int64_t freeNs = beyond(attnNs, attn.operatorNs) + beyond(mlpNs, mlp.operatorNs);
    const int64_t pipeNs = total(at(m_loads, Slot::kPipe)) + beyond(m_restNs, freeNs);
    return m_model.steadyCount() * m_layers *
               (beyond(attn.operatorNs, attnNs) + beyond(mlp.operatorNs, mlpNs) +
                attn.collectiveNs + mlp.collectiveNs) +
           m_gaps.steady.exposedNs(m_layers * pipeNs);
  }
  const int64_t mlpNs = m_model.windowNs(m_kind, WindowId::kOwnBwdMlp);
  const int64_t attnNs = m_model.windowNs(m_kind, WindowId::kPrevBwdAttn);
  const SlotLoad& own = at(m_loads, Slot::kOwnBwdMlp);
  const SlotLoad& prevMlp = at(m_loads, Slot::kPrevBwdMlp);
  const SlotLoad& prevAttn = at(m_loads, Slot::kPrevBwdAttn);
  const int64_t hosted = own.operatorNs + prevMlp.operatorNs;
  const int64_t freeNs = beyond(mlpNs, hosted) + beyond(attnNs, prevAttn.operatorNs);
  const int64_t demandNs =
      total(at(m_loads, Slot::kOnDemandMlp)) + total(at(m_loads, Slot::kOnDemandAttn));
  const int64_t interior = beyond(hosted, mlpNs) + beyond(prevAttn.operatorNs, attnNs) +
                           own.collectiveNs + prevMlp.collectiveNs + prevAttn.collectiveNs +
                           beyond(m_restNs, freeNs);
  const int64_t top = beyond(own.operatorNs, mlpNs) + own.collectiveNs + total(prevMlp) +
                      total(prevAttn) + beyond(m_restNs, beyond(mlpNs, own.operatorNs));
  return m_model.microBatches() * (m_layers * demandNs + (m_layers - 1) * interior + top);
}

int64_t WindowSearch::overflowNs(WindowId window, std::initializer_list<Slot> slots) const {
  const int64_t capacityNs = m_model.windowNs(m_kind, window);
  sim::OverlapClock clock(capacityNs, m_model.contention());
  const auto& variables = m_problem.variables();
  for (Slot slot : slots) {
    for (size_t v = variables.size(); v-- > 0;) {  // in forward order
      if (m_slots[v] != slot) continue;
      if (variables[v].collective)
        clock.repeatCollective(variables[v].forwardNs);
      else
        clock.runOperator(variables[v].forwardNs);
    }
  }
  return clock.finish() - capacityNs;
}

int64_t WindowSearch::earlyCost() const {
  const int64_t overflow = overflowNs(WindowId::kFwdAttn, {Slot::kFwdAttn}) +
                           overflowNs(WindowId::kFwdMlp, {Slot::kFwdMlp});
  return m_model.steadyCount() * m_layers * overflow +
         m_gaps.steady.exposedNs(m_layers * total(at(m_loads, Slot::kPipe)));
}

int64_t WindowSearch::lateCost() const {
  const int64_t demandNs =
      total(at(m_loads, Slot::kOnDemandMlp)) + total(at(m_loads, Slot::kOnDemandAttn));
  const int64_t prevNs =
      total(at(m_loads, Slot::kPrevBwdMlp)) + total(at(m_loads, Slot::kPrevBwdAttn));
  int64_t perStage = m_layers * demandNs + prevNs;  // the top layer has no prev.* windows
  // Every layer hosts the one below, the bottom layer only itself.
  perStage += overflowNs(WindowId::kOwnBwdMlp, {Slot::kOwnBwdMlp});
  if (m_layers > 1) {
    perStage +=
        (m_layers - 1) * (overflowNs(WindowId::kOwnBwdMlp, {Slot::kOwnBwdMlp, Slot::kPrevBwdMlp}) +
                          overflowNs(WindowId::kPrevBwdAttn, {Slot::kPrevBwdAttn}));
  }
  return m_model.microBatches() * perStage;
}

std::vector<WindowSearch::Assignment> WindowSearch::assignments(Fate fate, int64_t limitNs) {
  m_slots.assign(m_fates.size(), Slot::kNone);
  m_loads = {};
  m_restNs = 0;
  for (size_t v = 0; v < m_fates.size(); ++v) {
    if (ofFate(fate, v)) m_restNs += m_problem.variables()[v].forwardNs;
  }
  std::vector<Assignment> list;
  assign(fate, 0, limitNs, list);
  std::stable_sort(list.begin(), list.end(), [](const Assignment& a, const Assignment& b) {
    return a.costNs != b.costNs ? a.costNs < b.costNs : a.lateness > b.lateness;
  });
  return list;
}

WindowSearch::Judged WindowSearch::judge(const Assignment& early, const Assignment& late) const {
  const auto& kinds = m_model.shape().profile.kinds;
  Judged judged;
  judged.policies.resize(kinds.size());
  auto& placements = judged.policies[static_cast<size_t>(m_kind)];
  placements.resize(m_fates.size());
  for (size_t v = 0; v < m_fates.size(); ++v) {
    plan::Placement& placement = placements[static_cast<size_t>(m_problem.variables()[v].op)];
    if (m_fates[v] == Fate::kAbsent) placement = {plan::PlacementKind::kDiscarded};
    if (m_fates[v] == Fate::kKept) placement = {plan::PlacementKind::kRetained};
    if (m_fates[v] == Fate::kEarly) placement = placementOf(early.slots[v]);
    if (m_fates[v] >= Fate::kLate) placement = placementOf(late.slots[v]);
  }
  judged.resolved = m_model.resolve(judged.policies);
  judged.peaks = m_model.peaks(judged.policies, judged.resolved);
  return judged;
}

// The top layer rebuilds on demand what others place in prev.*: what it takes depends on the work
// in own.bwd.mlp alone.
bool WindowSearch::topFits(Pending& pending, const Assignment& early,
                           const Assignment& late) const {
  std::vector<bool> own;
  for (Slot slot : late.slots) own.push_back(slot == Slot::kOwnBwdMlp);
  const auto [known, isNew] = pending.topFits.try_emplace(std::move(own), true);
  if (isNew) {
    Assignment alone = late;
    for (Slot& slot : alone.slots) {
      if (slot != Slot::kOwnBwdMlp) slot = Slot::kOnDemandMlp;
    }
    known->second = judge(early, alone).peaks.lateTop <= m_budgetBytes;
  }
  return known->second;
}

// Whether the top layer fits with some set of its late work in own.bwd.mlp.
bool WindowSearch::someTopFits(Pending& pending, size_t variable, const Assignment& early,
                               Assignment& late) const {
  const auto& variables = m_problem.variables();
  while (variable < variables.size() && m_fates[variable] != Fate::kLate) ++variable;
  if (variable == variables.size()) return topFits(pending, early, late);
  late.slots[variable] = Slot::kOnDemandMlp;
  if (someTopFits(pending, variable + 1, early, late)) return true;
  const auto& choices = variables[variable].recomputeChoices;
  if (std::find(choices.begin(), choices.end(), Choice::kOwnBwdMlp) == choices.end()) return false;
  late.slots[variable] = Slot::kOwnBwdMlp;
  return someTopFits(pending, variable + 1, early, late);
}

WindowSearch::Outcome WindowSearch::search(Pending& pending, FateSearch::Bound limit,
                                           HeuPolicy& found) {
  m_fates = pending.fates.of;
  int64_t earlyNs = 0;
  for (size_t v = 0; v < m_fates.size(); ++v) {
    if (m_fates[v] == Fate::kEarly) earlyNs += m_problem.variables()[v].forwardNs;
  }
  // The last micro-batches do all early work while they wait.
  const int64_t tailNs = m_gaps.tail.exposedNs(m_layers * earlyNs);
  // Equal objectives are decided by the recomputation, which the fates fix.
  int64_t limitNs = limit.objectiveNs - tailNs;
  if (limitNs < kNoLimit && pending.fates.bound.recomputeNs < limit.recomputeNs) ++limitNs;
  const std::vector<Assignment> early = assignments(Fate::kEarly, limitNs);
  if (early.size() <= pending.early) return Outcome::kNotYet;
  if (pending.topFits.empty()) {
    Assignment late;
    late.slots.assign(m_fates.size(), Slot::kOnDemandMlp);
    if (!someTopFits(pending, 0, early.front(), late)) return Outcome::kNever;
  }
  const std::vector<Assignment> late =
      assignments(Fate::kLate, limitNs - early[pending.early].costNs);
  while (pending.late < late.size()) {
    const Assignment& earlyWork = early[pending.early];
    const Assignment& lateWork = late[pending.late];
    const int64_t costNs = earlyWork.costNs + lateWork.costNs;
    if (costNs >= limitNs) return Outcome::kNotYet;
    if (!topFits(pending, earlyWork, lateWork)) {
      ++pending.late;
      continue;
    }
    Judged judged = judge(earlyWork, lateWork);
    if (judged.peaks.coolDown > m_budgetBytes) return Outcome::kNever;
    if (judged.peaks.bytes() <= m_budgetBytes) {
      found.found = true;
      found.policies = std::move(judged.policies);
      found.times = m_model.passTimes(judged.resolved);
      found.objectiveNs = tailNs + costNs;
      found.recomputeNs = pending.fates.bound.recomputeNs;
      found.peakBytes = judged.peaks.bytes();
      return Outcome::kFound;
    }
    if (judged.peaks.late > m_budgetBytes) ++pending.late;
    if (judged.peaks.early > m_budgetBytes && ++pending.early == early.size())
      return Outcome::kNotYet;
  }
  return Outcome::kNotYet;
}

}  // namespace caracal::planner
