#include "core/planner/window_costs.h"

#include <algorithm>
#include <utility>

namespace caracal::planner {
namespace {

using plan::Slot;

Work workOf(Choice choice) {
  return slotOf(choice) <= Slot::kPipe ? Work::kEarly : Work::kLate;
}

bool isOf(Work work, Fate fate) {
  return work == Work::kEarly ? fate == Fate::kEarly : fate >= Fate::kLate;
}

}  // namespace

WindowCosts::WindowCosts(const HeuProblem& problem, const StageModel& model, const StageGaps& gaps,
                         int64_t nodeLimit, MixStop stop)
    : m_problem(problem),
      m_model(model),
      m_gaps(gaps),
      m_kind(problem.variables().front().kind),
      m_placed(model, m_kind),
      m_nodeLimit(nodeLimit),
      m_stop(std::move(stop)) {
  m_layers = model.layersOfKind(m_kind);
  const plan::LayerGraph& graph = model.shape().graphs.kinds[static_cast<size_t>(m_kind)];
  for (const auto& hosts : graph.hosts) m_split |= hosts.size() > 1;
  m_operators.resize(problem.variables().size());
  for (const Variable& variable : problem.variables()) {
    Operator& op = m_operators[static_cast<size_t>(variable.op)];
    op.ns = variable.forwardNs;
    op.deadline = variable.deadline;
    op.consumers = graph.operators[variable.op].consumers;
    for (const Choice choice : variable.recomputeChoices)
      op.places[static_cast<size_t>(workOf(choice))].push_back(slotOf(choice));
  }
}

int64_t WindowCosts::tailNs(const Fates& fates) const {
  int64_t earlyNs = 0;
  for (size_t v = 0; v < fates.size(); ++v) {
    if (fates[v] == Fate::kEarly) earlyNs += m_operators[operatorOf(v)].ns;
  }
  return m_gaps.tail.exposedNs(m_layers * earlyNs);
}

void WindowCosts::begin(Work work) {
  m_work = work;
  m_members.clear();
  m_restNs = 0;
}

void WindowCosts::add(size_t op) {
  m_members.push_back(op);
  m_restNs += m_operators[op].ns;
}

void WindowCosts::begin(Work work, const Fates& fates) {
  begin(work);
  for (size_t v = 0; v < fates.size(); ++v) {
    if (isOf(work, fates[v])) add(operatorOf(v));
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
    const size_t op = operatorOf(variable);
    if (m_members.empty() || m_members.back() != op) add(op);
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
Slot WindowCosts::deadlineOf(size_t op) const {
  Slot deadline = m_work == Work::kEarly ? Slot::kPipe : m_operators[op].deadline;
  for (const int16_t consumer : m_operators[op].consumers)
    deadline = std::min(deadline, m_placed.slots()[static_cast<size_t>(consumer)]);
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
    Assignment found{costNs, 0, m_placed.slots()};
    for (const size_t op : m_members) found.lateness += static_cast<int64_t>(found.slots[op]);
    if (m_wanted != Wanted::kAll) {
      limitNs = found.costNs;
      list.front() = std::move(found);
    } else {
      list.push_back(std::move(found));
    }
    return;
  }
  const size_t op = m_members[member];
  const Slot deadline = deadlineOf(op);
  for (const Slot slot : m_operators[op].places[static_cast<size_t>(m_work)]) {
    if (slot > deadline) continue;
    // On demand is as late as it can be.
    if (slot == Slot::kOnDemandMlp && deadline >= Slot::kOnDemandAttn) continue;
    place(member, slot, limitNs, list);
  }
}

void WindowCosts::place(size_t member, Slot slot, int64_t& limitNs, std::vector<Assignment>& list) {
  const size_t op = m_members[member];
  m_placed.place(op, slot);
  m_restNs -= m_operators[op].ns;
  assign(member + 1, limitNs, list);
  m_restNs += m_operators[op].ns;
  m_placed.takeBack();
}

// Lower bounds, contention aside; what is not assigned yet takes whatever is free.
int64_t WindowCosts::leastEarlyCost() {
  const PlacedWork::Room room = m_placed.forwardRoom();
  const int64_t pipeNs = load(Slot::kPipe).totalNs() + beyondNs(m_restNs, room.freeNs);
  return m_model.steadyCount() * m_layers * room.overflowNs +
         m_gaps.steady.exposedNs(m_layers * pipeNs);
}

int64_t WindowCosts::leastLateCost() {
  const int64_t demandNs = load(Slot::kOnDemandMlp).totalNs() + load(Slot::kOnDemandAttn).totalNs();
  const int64_t prevNs = load(Slot::kPrevBwdMlp).totalNs() + load(Slot::kPrevBwdAttn).totalNs();
  const PlacedWork::Room own = m_placed.ownRoom();
  const int64_t top = own.overflowNs + prevNs + beyondNs(m_restNs, own.freeNs);
  int64_t perStage = m_layers * demandNs + top;
  if (m_layers > 1) {
    const PlacedWork::Room room = m_placed.backwardRoom();
    perStage += (m_layers - 1) * (room.overflowNs + beyondNs(m_restNs, room.freeNs));
  }
  return m_model.microBatches() * perStage;
}

int64_t WindowCosts::earlyCost() {
  return m_model.steadyCount() * m_layers * m_placed.forwardOverflowNs() +
         m_gaps.steady.exposedNs(m_layers * load(Slot::kPipe).totalNs());
}

int64_t WindowCosts::lateCost() {
  const int64_t demandNs = load(Slot::kOnDemandMlp).totalNs() + load(Slot::kOnDemandAttn).totalNs();
  const int64_t prevNs = load(Slot::kPrevBwdMlp).totalNs() + load(Slot::kPrevBwdAttn).totalNs();
  // The top layer has no prev.* windows; every layer hosts the one below, the bottom layer only
  // itself.
  const int64_t ends = prevNs + m_placed.ownOverflowNs();
  const int64_t inner = m_layers > 1 ? m_placed.backwardOverflowNs() : 0;
  return m_model.microBatches() * (m_layers * demandNs + ends + (m_layers - 1) * inner);
}

}  // namespace caracal::planner
