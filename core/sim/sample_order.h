// SampleOrder: of the many micro-batches of a device the few that say what all cost (pass_costs.h).
// Used by pass_costs.cpp alone.
#pragma once

#include <cstdint>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "core/plan/schedule.h"
#include "core/plan/stage_shape.h"
#include "core/sim/pass_costs.h"

namespace caracal::sim {

// Chunks of a device that hand tensors over to each other, as slots. What one of them keeps alive
// another may release, so they are looked at together.
using Group = std::vector<size_t>;
std::vector<Group> groupsOf(const plan::DeviceShape& shape);

// The passes of one group in the device's order, and what they host.
struct GroupOrder {
  plan::PassOrder order;
  std::vector<int32_t> hosted;  // as hostedMicroBatches()
};
GroupOrder groupOrder(const plan::PassOrder& order, const plan::DeviceShape& shape,
                      const Group& group);

// Numbers the lives that occur; returns the one of each micro-batch.
std::vector<uint32_t> livesOf(const GroupOrder& group, int32_t microBatches);

// The group's order thinned out to a few micro-batches among which every kind of pass occurs, and
// where the cost of each pass goes.
class SampleOrder {
 public:
  SampleOrder(const plan::DeviceShape& shape, const Group& group, const GroupOrder& full,
              std::vector<ChunkCosts>& costs)
      : m_shape(shape),
        m_group(group),
        m_full(full),
        m_costs(costs),
        m_numberOf(costs[group.front()].lifeOf.size(), -1) {
    choose();
    for (size_t i = 0; i < full.order.size(); ++i) take(full.order[i], full.hosted[i]);
  }

  const plan::PassOrder& order() const { return m_order; }
  const std::vector<int32_t>& hosted() const { return m_hosted; }
  const std::vector<PassCost*>& targets() const { return m_targets; }  // nullptr: of no interest
  int32_t microBatches() const { return m_microBatches; }

 private:
  ChunkCosts& costs(int32_t chunk) { return m_costs[m_shape.slotOf(chunk)]; }
  uint32_t lifeOf(int32_t microBatch) const {
    return m_costs[m_group.front()].lifeOf[static_cast<size_t>(microBatch)];
  }

  // The first micro-batches of each life, and of each pair of a forward and what it hides.
  void choose() {
    std::set<std::tuple<int32_t, uint32_t, int64_t>> seen;
    std::tuple<int32_t, uint32_t, int64_t> before{-1, 0, -1};
    for (size_t i = 0; i < m_full.order.size(); ++i) {
      const plan::ScheduledPass& pass = m_full.order[i];
      if (pass.kind != plan::PassKind::kForward) continue;
      const int32_t guest = m_full.hosted[i];
      const int64_t guestLife = guest < 0 ? -1 : int64_t{lifeOf(guest)};
      const std::tuple now{pass.chunk, lifeOf(pass.microBatch), guestLife};
      if (std::exchange(before, now) == now || !seen.insert(now).second) continue;
      number(pass.microBatch);
      if (guest >= 0) number(guest);
    }
  }
  void number(int32_t microBatch) {
    int32_t& number = m_numberOf[static_cast<size_t>(microBatch)];
    if (number < 0) number = m_microBatches++;
  }

  void take(const plan::ScheduledPass& pass, int32_t hosted) {
    const int32_t taken = m_numberOf[static_cast<size_t>(pass.microBatch)];
    const int32_t guest = hosted < 0 ? -1 : m_numberOf[static_cast<size_t>(hosted)];
    if (taken < 0) {
      if (guest >= 0) addHost(pass.chunk, guest);
      return;
    }
    const bool whole = hosted < 0 || guest >= 0;
    add(pass.kind, pass.chunk, taken, guest, whole ? target(pass, hosted) : nullptr);
  }

  PassCost* target(const plan::ScheduledPass& pass, int32_t hosted) {
    LifeCosts& life = costs(pass.chunk).lives[lifeOf(pass.microBatch)];
    if (pass.kind == plan::PassKind::kForward)
      return &life.forward[hosted < 0 ? 0 : 1 + lifeOf(hosted)];
    return pass.kind == plan::PassKind::kWeightGradient ? &life.weights : &life.backward;
  }

  void add(plan::PassKind kind, int32_t chunk, int32_t microBatch, int32_t hosted,
           PassCost* target) {
    m_order.push_back({kind, chunk, microBatch});
    m_hosted.push_back(hosted);
    m_targets.push_back(target);
  }

  // In place of a host that was thinned out: a micro-batch that runs through the whole group.
  void addHost(int32_t chunk, int32_t guest) {
    const int32_t host = m_microBatches++;
    for (const size_t slot : m_group) {
      const int32_t at = m_shape.chunks[slot].stage;
      add(plan::PassKind::kForward, at, host, at == chunk ? guest : -1, nullptr);
    }
    for (auto slot = m_group.rbegin(); slot != m_group.rend(); ++slot)
      add(plan::PassKind::kBackward, m_shape.chunks[*slot].stage, host, -1, nullptr);
  }

  const plan::DeviceShape& m_shape;
  const Group& m_group;
  const GroupOrder& m_full;
  std::vector<ChunkCosts>& m_costs;
  std::vector<int32_t> m_numberOf;  // per micro-batch; -1: not chosen
  plan::PassOrder m_order;
  std::vector<int32_t> m_hosted;
  std::vector<PassCost*> m_targets;
  int32_t m_microBatches = 0;
};

}  // namespace caracal::sim
