#include "core/planner/window_costs.h"

#include <algorithm>
#include <numeric>

namespace caracal::planner {
namespace {

using plan::Slot;
using plan::WindowId;

Work workOf(Choice choice) {
  return slotOf(choice) <= Slot::kPipe ? Work::kEarly : Work::kLate;
}

bool isOf(Work work, Fate fate) {
  return work == Work::kEarly ? fate == Fate::kEarly : fate >= Fate::kLate;
}

int64_t total(const SlotLoad& load) {
  return load.operatorNs + load.collectiveNs;
}

int64_t beyond(int64_t ns, int64_t capacityNs) {
  return std::max<int64_t>(0, ns - capacityNs);
}

}  // namespace

WindowCosts::WindowCosts(const HeuProblem& problem, const StageModel& model, const StageGaps& gaps,
                         int64_t nodeLimit, MixStop stop)
    : m_model(model),
      m_gaps(gaps),
      m_kind(problem.variables().front().kind),
      m_nodeLimit(nodeLimit),
      m_stop(std::move(stop)) {
  m_layers = model.layersOfKind(m_kind);
  const auto capacities = [&](WindowId id, int64_t& sum) {
    std::vector<int64_t> list = plan::capacitiesNs(model.shape(), m_kind, id);
    sum = std::accumulate(list.begin(), list.end(), int64_t{0});
    m_split |= list.size() > 1;
    return list;
  };
  m_fwdAttn = capacities(WindowId::kFwdAttn, m_fwdAttnNs);
  m_fwdMlp = capacities(WindowId::kFwdMlp, m_fwdMlpNs);
  m_prevMlp = capacities(WindowId::kPrevBwdMlp, m_prevMlpNs);
  m_prevAttn = capacities(WindowId::kPrevBwdAttn, m_prevAttnNs);
  m_ownNs = model.windowNs(m_kind, WindowId::kOwnBwdMlp);
  const plan::LayerGraph& graph = model.shape().graphs.kinds[static_cast<size_t>(m_kind)];
  for (const Variable& variable : problem.variables()) {
    Operator& op = m_operators.emplace_back();
    op.ns = variable.forwardNs;
    op.collective = variable.collective;
    op.deadline = variable.deadline;
    for (int16_t consumer : graph.operators[variable.op].consumers)
      op.consumers.push_back(problem.variableOf(m_kind, consumer));
    for (const Choice choice : variable.recomputeChoices)
      op.places[static_cast<size_t>(workOf(choice))].push_back(slotOf(choice));
  }
}

int64_t WindowCosts::tailNs(const Fates& fates) const {
  int64_t earlyNs = 0;
  for (size_t v = 0; v < fates.size(); ++v) {
    if (fates[v] == Fate::kEarly) earlyNs += m_operators[v].ns;
  }
  return m_gaps.tail.exposedNs(m_layers * earlyNs);
}

void WindowCosts::begin(Work work) {
  m_work = work;
  m_members.clear();
  m_slots.assign(m_operators.size(), Slot::kNone);
  m_loads = {};
  m_restNs = 0;
}

void WindowCosts::add(size_t variable) {
  m_members.push_back(variable);
  m_restNs += m_operators[variable].ns;
}

void WindowCosts::begin(Work work, const Fates& fates) {
  begin(work);
  for (size_t v = 0; v < fates.size(); ++v) {
    if (isOf(work, fates[v])) add(v);
  }
}

Assignment WindowCosts::findCheapest(Wanted wanted) {
  m_wanted = wanted;
  int64_t limitNs = kNoLimit;
  std::vector<Assignment> found(1);
  assign(0, limitNs, found);
  return std::move(found.front());
}

const Assignment& WindowCosts::cheapest(Work work, const Fates& fates) {
  std::vector<bool> members(fates.size());
  for (size_t v = 0; v < fates.size(); ++v) {
    if (isOf(work, fates[v])) members[v] = true;
  }
  const auto [entry, isNew] = m_cheapest[static_cast<size_t>(work)].try_emplace(std::move(members));
  if (isNew) {
    begin(work, fates);
    entry->second = findCheapest(Wanted::kCheapest);
  }
  return entry->second;
}

// Without contention less work never costs more, as long as it is not split differently.
int64_t WindowCosts::leastNs(Work work, std::initializer_list<size_t> variables) {
  if (!(m_model.contention() == plan::Contention{})) return 0;
  begin(work);
  for (const size_t variable : variables) {
    if (m_members.empty() || m_members.back() != variable) add(variable);
  }
  return findCheapest(m_split ? Wanted::kLeast : Wanted::kCheapest).costNs;
}

std::vector<Assignment> WindowCosts::cheaperThan(int64_t limitNs, Work work, const Fates& fates) {
  begin(work, fates);
  m_wanted = Wanted::kAll;
  std::vector<Assignment> list;
  assign(0, limitNs, list);
  std::stable_sort(list.begin(), list.end(), [](const Assignment& a, const Assignment& b) {
    return a.costNs != b.costNs ? a.costNs < b.costNs : a.lateness > b.lateness;
  });
  return list;
}

// By the backward that reads the tensor, and by what is rebuilt from it.
Slot WindowCosts::deadlineOf(size_t variable) const {
  const Operator& op = m_operators[variable];
  Slot deadline = m_work == Work::kEarly ? Slot::kPipe : op.deadline;
  for (const size_t consumer : op.consumers) deadline = std::min(deadline, m_slots[consumer]);
  return deadline;
}

void WindowCosts::assign(size_t member, int64_t& limitNs, std::vector<Assignment>& list) {
  constexpr int64_t kPollEvery = 1024;
  if (++m_nodes > m_nodeLimit || (m_nodes % kPollEvery == 0 && m_stop.requested()))
    m_stopped = true;
  // Something must be found for each set of tensors: the first choice of all is always legal.
  if (m_stopped && (m_wanted == Wanted::kAll || limitNs < kNoLimit)) return;
  if (leastCost() >= limitNs) return;
  if (member == m_members.size()) {
    const int64_t costNs = m_wanted == Wanted::kLeast ? leastCost()
                           : m_work == Work::kEarly   ? earlyCost()
                                                      : lateCost();
    if (costNs >= limitNs) return;
    Assignment found{costNs, 0, m_slots};
    for (const size_t v : m_members) found.lateness += static_cast<int64_t>(m_slots[v]);
    if (m_wanted != Wanted::kAll) {
      limitNs = found.costNs;
      list.front() = std::move(found);
    } else {
      list.push_back(std::move(found));
    }
    return;
  }
  const size_t variable = m_members[member];
  const Slot deadline = deadlineOf(variable);
  for (const Slot slot : m_operators[variable].places[static_cast<size_t>(m_work)]) {
    if (slot > deadline) continue;
    // On demand is as late as it can be.
    if (slot == Slot::kOnDemandMlp && deadline >= Slot::kOnDemandAttn) continue;
    place(member, slot, limitNs, list);
  }
}

void WindowCosts::place(size_t member, Slot slot, int64_t& limitNs, std::vector<Assignment>& list) {
  const size_t variable = m_members[member];
  const Operator& op = m_operators[variable];
  int64_t& ns = op.collective ? load(slot).collectiveNs : load(slot).operatorNs;
  ns += op.ns;
  m_restNs -= op.ns;
  m_slots[variable] = slot;
  assign(member + 1, limitNs, list);
  m_slots[variable] = Slot::kNone;
  m_restNs += op.ns;
  ns -= op.ns;
}

// Lower bounds, contention aside; what is not assigned yet takes whatever is free.
int64_t WindowCosts::leastEarlyCost() const {
  const SlotLoad& attn = load(Slot::kFwdAttn);
  const SlotLoad& mlp = load(Slot::kFwdMlp);
  const int64_t freeNs = beyond(m_fwdAttnNs, attn.operatorNs) + beyond(m_fwdMlpNs, mlp.operatorNs);
  const int64_t pipeNs = total(load(Slot::kPipe)) + beyond(m_restNs, freeNs);
  return m_model.steadyCount() * m_layers *
             (beyond(attn.operatorNs, m_fwdAttnNs) + beyond(mlp.operatorNs, m_fwdMlpNs) +
              attn.collectiveNs + mlp.collectiveNs) +
         m_gaps.steady.exposedNs(m_layers * pipeNs);
}

int64_t WindowCosts::leastLateCost() const {
  const SlotLoad& own = load(Slot::kOwnBwdMlp);
  const SlotLoad& prevMlp = load(Slot::kPrevBwdMlp);
  const SlotLoad& prevAttn = load(Slot::kPrevBwdAttn);
  const int64_t hosted = own.operatorNs + prevMlp.operatorNs;
  const int64_t freeNs = beyond(m_prevMlpNs, hosted) + beyond(m_prevAttnNs, prevAttn.operatorNs);
  const int64_t demandNs = total(load(Slot::kOnDemandMlp)) + total(load(Slot::kOnDemandAttn));
  const int64_t interior = beyond(hosted, m_prevMlpNs) + beyond(prevAttn.operatorNs, m_prevAttnNs) +
                           own.collectiveNs + prevMlp.collectiveNs + prevAttn.collectiveNs +
                           beyond(m_restNs, freeNs);
  const int64_t top = beyond(own.operatorNs, m_ownNs) + own.collectiveNs + total(prevMlp) +
                      total(prevAttn) + beyond(m_restNs, beyond(m_ownNs, own.operatorNs));
  return m_model.microBatches() * (m_layers * demandNs + (m_layers - 1) * interior + top);
}

// What the slots hold, in forward order, beside one collective.
int64_t WindowCosts::overflowNs(int64_t capacityNs, std::initializer_list<Slot> slots) const {
  plan::OverlapClock clock(capacityNs, m_model.contention());
  for (const Slot slot : slots) {
    for (size_t member = m_members.size(); member-- > 0;) {
      const size_t variable = m_members[member];
      if (m_slots[variable] != slot) continue;
      const Operator& op = m_operators[variable];
      if (op.collective)
        clock.repeatCollective(op.ns);
      else
        clock.runOperator(op.ns);
    }
  }
  return clock.finish() - capacityNs;
}

std::vector<plan::HostedWork> WindowCosts::workIn(Slot slot) const {
  std::vector<plan::HostedWork> work;
  for (size_t member = m_members.size(); member-- > 0;) {  // in forward order
    const size_t variable = m_members[member];
    if (m_slots[variable] == slot)
      work.push_back({m_operators[variable].ns, m_operators[variable].collective});
  }
  return work;
}

// Shared out over all collectives of a placement.
int64_t WindowCosts::overflowNs(const std::vector<int64_t>& capacitiesNs, Slot slot) const {
  if (capacitiesNs.empty()) return 0;
  if (capacitiesNs.size() == 1) return overflowNs(capacitiesNs.front(), {slot});
  return plan::splitOverflowNs(workIn(slot), capacitiesNs, m_model.contention());
}

// Of the collectives up to bwd.mlp, which its own layer and the layer below share.
int64_t WindowCosts::bwdMlpOverflowNs() const {
  if (m_prevMlp.empty()) return 0;
  if (m_prevMlp.size() == 1)
    return overflowNs(m_prevMlp.front(), {Slot::kOwnBwdMlp, Slot::kPrevBwdMlp});
  const plan::Contention& contention = m_model.contention();
  const std::vector<plan::HostedWork> below = workIn(Slot::kPrevBwdMlp);
  const std::vector<size_t> hosts = plan::splitWork(below, m_prevMlp, contention);
  std::vector<std::vector<plan::HostedWork>> beside(m_prevMlp.size());
  beside.back() = workIn(Slot::kOwnBwdMlp);
  for (size_t piece = 0; piece < below.size(); ++piece)
    beside[hosts[piece]].push_back(below[piece]);
  int64_t overflow = 0;
  for (size_t host = 0; host < beside.size(); ++host)
    overflow += plan::splitOverflowNs(beside[host], {m_prevMlp[host]}, contention);
  return overflow;
}

int64_t WindowCosts::earlyCost() const {
  const int64_t overflow =
      overflowNs(m_fwdAttn, Slot::kFwdAttn) + overflowNs(m_fwdMlp, Slot::kFwdMlp);
  return m_model.steadyCount() * m_layers * overflow +
         m_gaps.steady.exposedNs(m_layers * total(load(Slot::kPipe)));
}

int64_t WindowCosts::lateCost() const {
  const int64_t demandNs = total(load(Slot::kOnDemandMlp)) + total(load(Slot::kOnDemandAttn));
  const int64_t prevNs = total(load(Slot::kPrevBwdMlp)) + total(load(Slot::kPrevBwdAttn));
  int64_t perStage = m_layers * demandNs + prevNs;  // the top layer has no prev.* windows
  // Every layer hosts the one below, the bottom layer only itself.
  perStage += overflowNs(m_ownNs, {Slot::kOwnBwdMlp});
  if (m_layers > 1)
    perStage += (m_layers - 1) * (bwdMlpOverflowNs() + overflowNs(m_prevAttn, Slot::kPrevBwdAttn));
  return m_model.microBatches() * perStage;
}

}  // namespace caracal::planner
