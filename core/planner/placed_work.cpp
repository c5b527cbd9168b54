#include "core/planner/placed_work.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace caracal::planner {
namespace {

using plan::Slot;
using plan::WindowId;

}  // namespace

PlacedWork::PlacedWork(const StageModel& model, int32_t kind)
    : m_contention(model.contention()), m_contended(!(m_contention == plan::Contention{})) {
  const plan::StageShape& shape = model.shape();
  const plan::LayerGraph& graph = shape.graphs.kinds[static_cast<size_t>(kind)];
  const auto& operators = shape.profile.kinds[static_cast<size_t>(kind)].operators;
  for (size_t op = 0; op < operators.size(); ++op)
    m_work.push_back({operators[op].forwardNs, graph.operators[op].collective});
  m_slots.assign(m_work.size(), Slot::kNone);
  m_changes.reserve(m_work.size());
  for (const auto& [slot, window] :
       {std::pair{Slot::kFwdAttn, WindowId::kFwdAttn}, std::pair{Slot::kFwdMlp, WindowId::kFwdMlp},
        std::pair{Slot::kPrevBwdMlp, WindowId::kPrevBwdMlp},
        std::pair{Slot::kPrevBwdAttn, WindowId::kPrevBwdAttn},
        std::pair{Slot::kOwnBwdMlp, WindowId::kOwnBwdMlp}}) {
    Hosts& of = m_hosts[static_cast<size_t>(slot)];
    of.capacitiesNs = plan::capacitiesNs(shape, kind, window);
    of.sumNs = std::accumulate(of.capacitiesNs.begin(), of.capacitiesNs.end(), int64_t{0});
  }
}

void PlacedWork::place(size_t op, Slot slot) {
  InSlot& in = m_inSlot[static_cast<size_t>(slot)];
  m_changes.push_back({op, slot, in});
  (m_work[op].collective ? in.load.collectiveNs : in.load.operatorNs) += m_work[op].ns;
  if (op < kMostInSet) in.set |= Set{1} << op;
  m_slots[op] = slot;
  in.overflowNs = overflowNs(slot);
}

void PlacedWork::takeBack() {
  const Change& last = m_changes.back();
  m_inSlot[static_cast<size_t>(last.slot)] = last.before;
  m_slots[last.op] = Slot::kNone;
  m_changes.pop_back();
}

std::vector<plan::HostedWork> PlacedWork::workIn(Slot slot) const {
  std::vector<plan::HostedWork> work;
  for (size_t op = 0; op < m_slots.size(); ++op) {
    if (m_slots[op] == slot) work.push_back(m_work[op]);
  }
  return work;
}

int64_t PlacedWork::overflowNs(Slot slot) {
  const Hosts& of = hosts(slot);
  const SlotLoad& work = load(slot);
  if (of.capacitiesNs.empty()) return 0;
  if (isPlain(work, of)) return beyondNs(work.operatorNs, of.sumNs);
  return lookUp(m_known[static_cast<size_t>(slot)], at(slot).set,
                [&] { return plan::splitOverflowNs(workIn(slot), of.capacitiesNs, m_contention); });
}

int64_t PlacedWork::forwardOverflowNs() const {
  return at(Slot::kFwdAttn).overflowNs + at(Slot::kFwdMlp).overflowNs;
}

int64_t PlacedWork::ownOverflowNs() const {
  return at(Slot::kOwnBwdMlp).overflowNs;
}

int64_t PlacedWork::backwardOverflowNs() {
  return besideBwdMlp() + at(Slot::kPrevBwdAttn).overflowNs;
}

// Beside the collectives up to bwd.mlp, which a layer and the one below it share.
int64_t PlacedWork::besideBwdMlp() {
  const InSlot &own = at(Slot::kOwnBwdMlp), &below = at(Slot::kPrevBwdMlp);
  if (own.load.totalNs() == 0) return below.overflowNs;
  const Hosts& of = hosts(Slot::kPrevBwdMlp);
  if (isPlain(own.load, of) && isPlain(below.load, of))
    return beyondNs(own.load.operatorNs + below.load.operatorNs, of.sumNs);
  return lookUp(m_knownPairs, Pair{below.set, own.set}, [&] { return sharedOverflowNs(); });
}

// bwd.mlp, the last of them, runs the layer's own work first.
int64_t PlacedWork::sharedOverflowNs() const {
  const auto& capacitiesNs = hosts(Slot::kPrevBwdMlp).capacitiesNs;
  const std::vector<plan::HostedWork> below = workIn(Slot::kPrevBwdMlp);
  const std::vector<size_t> split = plan::splitWork(below, capacitiesNs, m_contention);
  std::vector<std::vector<plan::HostedWork>> beside(capacitiesNs.size());
  beside.back() = workIn(Slot::kOwnBwdMlp);
  for (size_t piece = 0; piece < below.size(); ++piece)
    beside[split[piece]].push_back(below[piece]);
  int64_t overflow = 0;
  for (size_t host = 0; host < beside.size(); ++host) {
    const auto& work = beside[host];
    overflow +=
        plan::overflowNs(work.data(), work.data() + work.size(), capacitiesNs[host], m_contention);
  }
  return overflow;
}

// Without contention a part of some work never overflows more than all of it.
PlacedWork::Room PlacedWork::roomBeside(Slot slot) const {
  const InSlot& in = at(slot);
  const int64_t capacityNs = hosts(slot).sumNs;
  const int64_t overflowNs =
      m_contended ? beyondNs(in.load.operatorNs, capacityNs) + in.load.collectiveNs : in.overflowNs;
  return {overflowNs, capacityNs - (in.load.totalNs() - overflowNs)};
}

PlacedWork::Room PlacedWork::forwardRoom() const {
  const Room attn = roomBeside(Slot::kFwdAttn), mlp = roomBeside(Slot::kFwdMlp);
  return {attn.overflowNs + mlp.overflowNs, attn.freeNs + mlp.freeNs};
}

PlacedWork::Room PlacedWork::ownRoom() const {
  return roomBeside(Slot::kOwnBwdMlp);
}

// The layer below splits its work as if bwd.mlp were its own; own work can only add to that.
PlacedWork::Room PlacedWork::backwardRoom() const {
  const SlotLoad &own = load(Slot::kOwnBwdMlp), &below = load(Slot::kPrevBwdMlp);
  const int64_t capacityNs = hosts(Slot::kPrevBwdMlp).sumNs;
  const int64_t pooledNs = beyondNs(own.operatorNs + below.operatorNs, capacityNs) +
                           own.collectiveNs + below.collectiveNs;
  const int64_t apartNs = roomBeside(Slot::kPrevBwdMlp).overflowNs +
                          beyondNs(own.operatorNs, hosts(Slot::kOwnBwdMlp).sumNs) +
                          own.collectiveNs;
  const int64_t mlpNs = std::max(pooledNs, apartNs);
  const Room attn = roomBeside(Slot::kPrevBwdAttn);
  return {mlpNs + attn.overflowNs,
          capacityNs - (own.totalNs() + below.totalNs() - mlpNs) + attn.freeNs};
}

}  // namespace caracal::planner
