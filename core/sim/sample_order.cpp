#include "core/sim/sample_order.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <span>

namespace caracal::sim {
namespace {

using plan::PassKind;
using plan::PassOrder;
using plan::ScheduledPass;

// What happens to a micro-batch on a group: its passes, and where its recomputations are hosted.
struct LifeEvent {
  bool hosted = false;  // in the forward of another micro-batch; else a pass of its own
  PassKind kind = PassKind::kForward;
  int32_t chunk = 0;
  auto operator<=>(const LifeEvent&) const = default;
};
using Life = std::span<const LifeEvent>;
struct LifeOrder {
  bool operator()(Life a, Life b) const {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
  }
};

// Calls visit(micro-batch, event) for all events in time order.
template <class Visit>
void visitEvents(const GroupOrder& group, const Visit& visit) {
  for (size_t i = 0; i < group.order.size(); ++i) {
    const ScheduledPass& pass = group.order[i];
    visit(static_cast<size_t>(pass.microBatch), LifeEvent{false, pass.kind, pass.chunk});
    if (group.hosted[i] >= 0)
      visit(static_cast<size_t>(group.hosted[i]), LifeEvent{true, pass.kind, pass.chunk});
  }
}

}  // namespace

std::vector<Group> groupsOf(const plan::DeviceShape& shape) {
  std::vector<Group> groups;
  for (size_t slot = 0; slot < shape.chunks.size(); ++slot) {
    if (groups.empty() || !shape.chunks[slot].inputIsLocal) groups.emplace_back();
    groups.back().push_back(slot);
  }
  return groups;
}

GroupOrder groupOrder(const PassOrder& order, const plan::DeviceShape& shape, const Group& group) {
  const std::vector<int32_t> hosted = plan::hostedMicroBatches(order);
  GroupOrder result;
  for (size_t i = 0; i < order.size(); ++i) {
    const size_t slot = shape.slotOf(order[i].chunk);
    if (std::find(group.begin(), group.end(), slot) == group.end()) continue;
    result.order.push_back(order[i]);
    result.hosted.push_back(hosted[i]);
  }
  return result;
}

std::vector<uint32_t> livesOf(const GroupOrder& group, int32_t microBatches) {
  std::vector<size_t> begins(static_cast<size_t>(microBatches) + 1, 0);
  visitEvents(group, [&](size_t microBatch, const LifeEvent&) { ++begins[microBatch + 1]; });
  std::partial_sum(begins.begin(), begins.end(), begins.begin());
  std::vector<LifeEvent> events(begins.back());
  std::vector<size_t> next = begins;
  visitEvents(group, [&](size_t microBatch, const LifeEvent& event) {
    events[next[microBatch]++] = event;
  });
  std::map<Life, uint32_t, LifeOrder> numberOf;
  std::vector<uint32_t> result;
  Life before;
  for (size_t q = 0; q + 1 < begins.size(); ++q) {
    const Life life(events.data() + begins[q], begins[q + 1] - begins[q]);
    // Neighbours mostly live alike.
    const bool same = q > 0 && std::equal(life.begin(), life.end(), before.begin(), before.end());
    result.push_back(
        same ? result.back()
             : numberOf.emplace(life, static_cast<uint32_t>(numberOf.size())).first->second);
    before = life;
  }
  return result;
}

}  // namespace caracal::sim
