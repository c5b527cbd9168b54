#include "core/planner/column_windows.h"

#include <algorithm>
#include <array>
#include <utility>

namespace caracal::planner {
namespace {

using plan::Slot;
using plan::WindowId;

// In the order of trial.
constexpr std::array<Slot, 5> kEarlyTrials{Slot::kFwdMlp, Slot::kFwdAttn, Slot::kPipe, Slot::kNone,
                                           Slot::kNone};
constexpr std::array<Slot, 5> kLateTrials{Slot::kOwnBwdMlp, Slot::kPrevBwdAttn, Slot::kPrevBwdMlp,
                                          Slot::kOnDemandAttn, Slot::kOnDemandMlp};

Slot latest(ColumnFate fate) {
  return fate == ColumnFate::kEarly ? Slot::kPipe : Slot::kOnDemandAttn;
}

}  // namespace

ColumnWindows::ColumnWindows(const StageModel& model, int32_t kind, LayerRole role,
                             const ColumnPrices& prices)
    : m_operators(model.shape().profile.kinds[static_cast<size_t>(kind)].operators),
      m_graph(model.shape().graphs.kinds[static_cast<size_t>(kind)]),
      m_top(role == LayerRole::kTop),
      m_prices(prices),
      m_filled(model.steadyCount() > 0),
      m_fwdAttnNs(model.windowNs(kind, WindowId::kFwdAttn)),
      m_fwdMlpNs(model.windowNs(kind, WindowId::kFwdMlp)),
      m_bwdMlpNs(model.windowNs(kind, m_top ? WindowId::kOwnBwdMlp : WindowId::kPrevBwdMlp)),
      m_prevAttnNs(m_top ? 0 : model.windowNs(kind, WindowId::kPrevBwdAttn)),
      // At full price it is no better than on demand, which holds memory for less time.
      m_hasPipe(model.shape().linkedAfter() && prices.pipe + prices.pipeTail < prices.backward),
      m_placed(model, kind) {}

bool ColumnWindows::mayBeEarly() const {
  return m_hasPipe || hasForward(WindowId::kFwdAttn) || hasForward(WindowId::kFwdMlp);
}

int64_t ColumnWindows::leastEarlyNs(int64_t workNs) const {
  const int64_t over = beyondNs(workNs, m_fwdAttnNs + m_fwdMlpNs);
  return std::min(m_prices.pipe, m_prices.forward) * over + m_prices.pipeTail * workNs;
}

int64_t ColumnWindows::leastLateNs(int64_t workNs, int64_t collectivesNs) const {
  return m_prices.backward * (beyondNs(workNs, m_prevAttnNs + m_bwdMlpNs) + collectivesNs);
}

const ColumnWindows::Places& ColumnWindows::placesFor(ColumnFate fate,
                                                      const std::vector<ColumnFate>& fates) {
  constexpr int64_t kMostTries = 20'000;
  std::vector<bool> members(fates.size());
  m_rest = {};
  for (int16_t index = m_graph.last(); index >= 0; --index) {
    const auto op = static_cast<size_t>(index);
    members[op] = fates[op] == fate;
    if (members[op]) m_rest.add(load(index), latest(fate));
  }
  const auto [known, isNew] = m_known[static_cast<size_t>(fate)].try_emplace(std::move(members));
  if (!isNew) return known->second;
  m_fates = &fates;
  m_tries = kMostTries;
  assign(fate, m_graph.last(), 0, known->second);
  return known->second;
}

// Of what is assigned, and of the rest where it costs least.
int64_t ColumnWindows::leastCost(ColumnFate fate) const {
  if (fate == ColumnFate::kEarly) {
    const PlacedWork::Room room = m_placed.forwardRoom();
    const int64_t perNs = m_hasPipe ? std::min(m_prices.pipe, m_prices.forward) : m_prices.forward;
    return m_prices.forward * room.overflowNs + m_prices.pipe * ns(Slot::kPipe) +
           perNs * beyondNs(m_rest.operatorsNs + m_rest.collectivesNs, room.freeNs);
  }
  const PlacedWork::Room room = m_top ? m_placed.ownRoom() : m_placed.backwardRoom();
  return m_prices.backward * (demandNs() + room.overflowNs + m_rest.collectivesNs +
                              beyondNs(m_rest.operatorsNs, room.freeNs));
}

int64_t ColumnWindows::exactCost(ColumnFate fate) {
  if (fate == ColumnFate::kEarly)
    return m_prices.forward * m_placed.forwardOverflowNs() + m_prices.pipe * ns(Slot::kPipe);
  const int64_t overflow = m_top ? m_placed.ownOverflowNs() : m_placed.backwardOverflowNs();
  return m_prices.backward * (demandNs() + overflow);
}

// The layer's output is there until its backward: no window rebuilds it.
bool ColumnWindows::mayUse(int16_t index, Slot slot, Slot deadline) const {
  if (slot > deadline) return false;
  switch (slot) {
    case Slot::kFwdMlp:
      return hasForward(WindowId::kFwdMlp);
    case Slot::kFwdAttn:
      return hasForward(WindowId::kFwdAttn);
    case Slot::kPipe:
      return m_hasPipe;
    case Slot::kOwnBwdMlp:
      return index != m_graph.last() && m_graph.hasHost(WindowId::kOwnBwdMlp);
    case Slot::kPrevBwdAttn:
      return index != m_graph.last() && hasPrev(WindowId::kPrevBwdAttn);
    case Slot::kPrevBwdMlp:
      return index != m_graph.last() && hasPrev(WindowId::kPrevBwdMlp);
    case Slot::kOnDemandMlp:
      return deadline < Slot::kOnDemandAttn;
    default:
      return true;
  }
}

void ColumnWindows::assign(ColumnFate fate, int16_t index, int64_t lateness, Places& best) {
  while (index >= 0 && (*m_fates)[static_cast<size_t>(index)] != fate) --index;
  // Among equals late places hold memory for less time.
  const int64_t leastNs = leastCost(fate);
  if (leastNs > best.costNs || (--m_tries < 0 && best.costNs < kNoLimit)) return;
  if (leastNs == best.costNs && lateness + m_rest.lateness <= best.lateness) return;
  if (index < 0) {
    const int64_t costNs = exactCost(fate);
    if (costNs > best.costNs) return;
    if (costNs == best.costNs && lateness <= best.lateness) return;
    best = {costNs, lateness, m_placed.slots()};
    return;
  }
  const auto& links = m_graph.operators[index];
  Slot deadline = latest(fate);
  if (fate == ColumnFate::kLate && needed(index) && m_graph.readInMlpSegment(index))
    deadline = Slot::kOnDemandMlp;
  for (int16_t consumer : links.consumers)
    deadline = std::min(deadline, m_placed.slots()[static_cast<size_t>(consumer)]);
  const Rest rest = m_rest;
  m_rest.take(load(index), latest(fate));
  for (const Slot slot : fate == ColumnFate::kEarly ? kEarlyTrials : kLateTrials) {
    if (!mayUse(index, slot, deadline)) continue;
    m_placed.place(static_cast<size_t>(index), slot);
    assign(fate, static_cast<int16_t>(index - 1), lateness + static_cast<int64_t>(slot), best);
    m_placed.takeBack();
  }
  m_rest = rest;
}

}  // namespace caracal::planner
