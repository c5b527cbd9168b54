#include "core/planner/column_windows.h"

#include <algorithm>

#include "core/plan/recompute_hosts.h"

namespace caracal::planner {
namespace {

using plan::Slot;
using plan::WindowId;

int64_t beyond(int64_t ns, int64_t capacityNs) {
  return std::max<int64_t>(0, ns - capacityNs);
}

}  // namespace

ColumnWindows::ColumnWindows(const StageModel& model, int32_t kind, LayerRole role,
                             const ColumnPrices& prices)
    : m_model(model),
      m_kind(kind),
      m_operators(model.shape().profile.kinds[static_cast<size_t>(kind)].operators),
      m_graph(model.shape().graphs.kinds[static_cast<size_t>(kind)]),
      m_top(role == LayerRole::kTop),
      m_prices(prices),
      m_steady(model.steadyCount()),
      m_all(model.microBatches()),
      m_fwdAttnNs(model.windowNs(kind, WindowId::kFwdAttn)),
      m_fwdMlpNs(model.windowNs(kind, WindowId::kFwdMlp)),
      m_bwdMlpNs(model.windowNs(kind, m_top ? WindowId::kOwnBwdMlp : WindowId::kPrevBwdMlp)),
      m_prevAttnNs(m_top ? 0 : model.windowNs(kind, WindowId::kPrevBwdAttn)),
      // At full price it is no better than on demand, which holds memory for less time.
      m_hasPipe(model.shape().linkedAfter() && prices.pipe + prices.pipeTail < m_all),
      m_contended(!(model.contention() == plan::Contention{})),
      m_slots(m_operators.size(), Slot::kNone) {
  for (const auto& hosts : m_graph.hosts) m_split |= hosts.size() > 1;
}

bool ColumnWindows::mayBeEarly() const {
  return m_hasPipe || hasForward(WindowId::kFwdAttn) || hasForward(WindowId::kFwdMlp);
}

int64_t ColumnWindows::leastEarlyNs(int64_t workNs) const {
  const int64_t over = beyond(workNs, m_fwdAttnNs + m_fwdMlpNs);
  return std::min(m_prices.pipe, m_steady) * over + m_prices.pipeTail * workNs;
}

int64_t ColumnWindows::leastLateNs(int64_t workNs, int64_t collectivesNs) const {
  return m_all * (beyond(workNs, m_prevAttnNs + m_bwdMlpNs) + collectivesNs);
}

ColumnWindows::Places ColumnWindows::placesFor(ColumnFate fate,
                                               const std::vector<ColumnFate>& fates) {
  // Shared out work takes long to judge, and its least costs say little.
  constexpr int64_t kMostTries = 20'000, kMostSplit = 100;
  m_fates = &fates;
  m_tries = m_split ? kMostSplit : kMostTries;
  Places best;
  assign(fate, m_graph.last(), 0, best);
  return best;
}

// Bounds of the cost of what is assigned: for one collective the cost, but that operators behind
// a repeated collective are not hidden.
int64_t ColumnWindows::leastEarlyCost() const {
  return m_steady *
             (beyond(ns(Slot::kFwdAttn), m_fwdAttnNs) + beyond(ns(Slot::kFwdMlp), m_fwdMlpNs) +
              collectiveNs(Slot::kFwdAttn) + collectiveNs(Slot::kFwdMlp)) +
         m_prices.pipe * (ns(Slot::kPipe) + collectiveNs(Slot::kPipe));
}

int64_t ColumnWindows::leastLateCost() const {
  const int64_t mlp = ns(Slot::kPrevBwdMlp) + ns(Slot::kOwnBwdMlp);
  int64_t demand = demandNs();
  for (Slot slot : {Slot::kPrevBwdMlp, Slot::kPrevBwdAttn, Slot::kOwnBwdMlp})
    demand += collectiveNs(slot);
  demand += beyond(ns(Slot::kPrevBwdAttn), m_prevAttnNs);
  return m_all * (demand + beyond(mlp, m_bwdMlpNs));
}

int64_t ColumnWindows::demandNs() const {
  int64_t demand = 0;
  for (Slot slot : {Slot::kOnDemandMlp, Slot::kOnDemandAttn})
    demand += ns(slot) + collectiveNs(slot);
  return demand;
}

int64_t ColumnWindows::earlyCost() const {
  Recomputations rebuilt{m_slots, {}};
  rebuilt.hosts = plan::recomputeHosts(m_model.shape(), {m_kind, kNoKind}, m_slots);
  return m_steady * m_model.forwardExtraNs(m_kind, rebuilt) +
         m_prices.pipe * (ns(Slot::kPipe) + collectiveNs(Slot::kPipe));
}

int64_t ColumnWindows::lateCost() const {
  const int32_t above = m_top ? kNoKind : m_kind;
  LayerVariant variant;
  variant.kind = m_kind;
  variant.tail.slots = m_slots;
  variant.tail.hosts = plan::recomputeHosts(m_model.shape(), {m_kind, above}, m_slots);
  const LayerVariant* below = m_top ? nullptr : &variant;
  return m_all * (demandNs() + m_model.backwardOverflowNs(variant, below));
}

// Only what a repeated collective leaves unhidden, contention, and sharing out work over several
// collectives cost more than the least.
int64_t ColumnWindows::exactCost(ColumnFate fate, int64_t leastNs) const {
  int64_t repeatedNs = 0;
  for (const Slot slot :
       {Slot::kFwdAttn, Slot::kFwdMlp, Slot::kPrevBwdMlp, Slot::kPrevBwdAttn, Slot::kOwnBwdMlp})
    repeatedNs += collectiveNs(slot);
  if (!m_split && !m_contended && repeatedNs == 0) return leastNs;
  return fate == ColumnFate::kEarly ? earlyCost() : lateCost();
}

std::vector<Slot> ColumnWindows::slotsFor(int16_t index, ColumnFate fate, Slot deadline) const {
  std::vector<Slot> slots;
  const auto offer = [&](bool exists, Slot slot) {
    if (exists && slot <= deadline) slots.push_back(slot);
  };
  if (fate == ColumnFate::kEarly) {
    offer(hasForward(WindowId::kFwdMlp), Slot::kFwdMlp);
    offer(hasForward(WindowId::kFwdAttn), Slot::kFwdAttn);
    offer(m_hasPipe, Slot::kPipe);
    return slots;
  }
  const bool window = index != m_graph.last();
  offer(window && m_graph.hasHost(WindowId::kOwnBwdMlp), Slot::kOwnBwdMlp);
  offer(window && hasPrev(WindowId::kPrevBwdAttn), Slot::kPrevBwdAttn);
  offer(window && hasPrev(WindowId::kPrevBwdMlp), Slot::kPrevBwdMlp);
  offer(true, Slot::kOnDemandAttn);
  offer(deadline < Slot::kOnDemandAttn, Slot::kOnDemandMlp);
  return slots;
}

void ColumnWindows::assign(ColumnFate fate, int16_t index, int64_t lateness, Places& best) {
  while (index >= 0 && (*m_fates)[static_cast<size_t>(index)] != fate) --index;
  // Costs only grow; among equals late places hold memory for less time.
  const int64_t leastNs = fate == ColumnFate::kEarly ? leastEarlyCost() : leastLateCost();
  if (leastNs > best.costNs || (--m_tries < 0 && best.costNs < kNoLimit)) return;
  if (index < 0) {
    const int64_t costNs = exactCost(fate, leastNs);
    if (costNs > best.costNs) return;
    if (costNs == best.costNs && lateness <= best.lateness) return;
    best = {costNs, lateness, m_slots};
    return;
  }
  const auto& links = m_graph.operators[index];
  Slot deadline = fate == ColumnFate::kEarly ? Slot::kPipe : Slot::kOnDemandAttn;
  if (fate == ColumnFate::kLate && needed(index) && m_graph.readInMlpSegment(index))
    deadline = Slot::kOnDemandMlp;
  for (int16_t consumer : links.consumers) deadline = std::min(deadline, m_slots[consumer]);
  for (const Slot slot : slotsFor(index, fate, deadline)) {
    SlotLoad& load = m_loads[static_cast<size_t>(slot)];
    int64_t& time = links.collective ? load.collectiveNs : load.operatorNs;
    time += forwardNs(index);
    m_slots[index] = slot;
    assign(fate, static_cast<int16_t>(index - 1), lateness + static_cast<int64_t>(slot), best);
    m_slots[index] = Slot::kNone;
    time -= forwardNs(index);
  }
}

}  // namespace caracal::planner
