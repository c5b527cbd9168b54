#include "tests/core/sim/replay_twin.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/sim/item_durations.h"

namespace caracal::sim {
namespace {

using plan::Action;
using plan::Item;

// Slowed down by, and done in a time so slowed down: whole nanoseconds, half up.
int64_t slowed(int64_t ns, double factor) {
  return std::llround(static_cast<long double>(ns * std::llround(factor * 1e6)) / 1e6L);
}
int64_t doneIn(int64_t ns, double factor) {
  return std::llround(static_cast<long double>(ns * 1'000'000) /
                      static_cast<long double>(std::llround(factor * 1e6)));
}

}  // namespace

ReplayTwin::ReplayTwin(const profile::Profile& profile, const plan::Plan& plan,
                       const plan::Program& program)
    : m_profile(profile), m_plan(plan), m_program(program), m_graphs(profile) {
  m_devices.resize(program.stages.size());
}

std::optional<int64_t> ReplayTwin::run() {
  m_events.insert(0);
  int64_t last = 0;
  while (!m_events.empty()) {
    const int64_t now = *m_events.begin();
    m_events.erase(m_events.begin());
    for (Device& device : m_devices) moveFlows(device, now);
    for (size_t d = 0; d < m_devices.size(); ++d) {
      while (proceed(d, now)) last = now;
    }
  }
  for (size_t d = 0; d < m_devices.size(); ++d) {
    if (m_devices[d].next != m_program.stages[d].items.size()) return std::nullopt;
  }
  return last;
}

// Ends what ends now and begins the next item if everything it needs is there; returns whether
// anything changed.
bool ReplayTwin::proceed(size_t d, int64_t now) {
  Device& device = m_devices[d];
  bool changed = false;
  const auto until = untilChange(device);
  if (until && device.settledAt + *until == now) {
    settle(device, now);
    changed = true;
  }
  if (device.operatorLeft == 0) {
    settle(device, now);
    changed |= runItem(d, now);
  }
  if (const auto next = untilChange(device)) m_events.insert(device.settledAt + *next);
  return changed;
}

bool ReplayTwin::runItem(size_t d, int64_t now) {
  Device& device = m_devices[d];
  const auto& items = m_program.stages[d].items;
  if (device.next == items.size()) return false;
  const Item& item = items[device.next];
  const plan::DeviceShape shape =
      plan::deviceShape(m_profile, m_graphs, m_plan, m_program.stages[d]);
  const auto neighbour = [&](int32_t towards) {
    const plan::HeldChunk& held = m_program.stages[d].chunks[shape.slotOf(item.chunk)];
    return static_cast<size_t>(towards > 0 ? held.after : held.before);
  };
  const auto key = [&](char stream) {
    const bool collective = stream == 'c';
    return Key{stream, item.layer, item.op, item.microBatch, collective ? item.collective : 0};
  };
  switch (item.action) {
    case Action::kRecvForward:
      if (!arrived({d, 'F', item.chunk, item.microBatch}, now)) return false;
      break;
    case Action::kRecvBackward:
      if (!arrived({d, 'B', item.chunk, item.microBatch}, now)) return false;
      break;
    case Action::kSendForward:
      send(device, {neighbour(+1), 'F', item.chunk + 1, item.microBatch}, now,
           m_profile.sendForwardNs);
      break;
    case Action::kSendBackward:
      send(device, {neighbour(-1), 'B', item.chunk - 1, item.microBatch}, now,
           m_profile.sendBackwardNs);
      break;
    case Action::kCollectiveStart:
      transfer(device, key('c'), aloneNs(shape, item));
      break;
    case Action::kCollectiveWait:
      if (device.over.count(key('c')) == 0) return false;
      break;
    case Action::kReduceStart:
      reduce(device, item, now, aloneNs(shape, item));
      break;
    case Action::kGradientReduce:
      if (!std::exchange(device.reducesAtTheEnd, true))
        reduce(device, item, now, aloneNs(shape, item));
      if (!endsReducing(device, now)) return false;
      break;
    case Action::kReduceWait:
      if (!endsReducing(device, now)) return false;
      break;
    case Action::kOffloadStart:
      transfer(device, key('o'), aloneNs(shape, item));
      break;
    case Action::kFetchStart:
      transfer(device, key('i'), aloneNs(shape, item));
      break;
    case Action::kOffloadWait:
      if (device.over.count(key('o')) == 0) return false;
      break;
    case Action::kFetchWait:
      if (device.over.count(key('i')) == 0) return false;
      break;
    default:
      device.operatorLeft = aloneNs(shape, item);
  }
  ++device.next;
  return true;
}

bool ReplayTwin::endsReducing(Device& device, int64_t now) const {
  return device.transfers['r'].empty() && !device.reducing && device.reductions.empty() &&
         device.reducedAt <= now;
}

std::optional<int64_t> ReplayTwin::leastLeft(const Device& device) const {
  std::optional<int64_t> least;
  for (const auto& [stream, queue] : device.transfers) {
    if (!queue.empty()) least = std::min(least.value_or(queue.front().left), queue.front().left);
  }
  return least;
}

std::optional<int64_t> ReplayTwin::untilChange(const Device& device) const {
  const std::optional<int64_t> least = leastLeft(device);
  if (device.operatorLeft == 0) return least;
  if (!least) return device.operatorLeft;
  return std::min(slowed(device.operatorLeft, m_profile.kappa), slowed(*least, m_profile.rho));
}

// Lets time go by for a device's operator and the transfers beside it. REQUIRES that nothing has
// changed meanwhile.
void ReplayTwin::settle(Device& device, int64_t now) {
  const int64_t ns = now - std::exchange(device.settledAt, now);
  const std::optional<int64_t> least = leastLeft(device);
  const bool beside = device.operatorLeft > 0 && least;
  const bool transferEnds = beside && slowed(*least, m_profile.rho) == ns;
  for (auto& [stream, queue] : device.transfers) {
    if (queue.empty()) continue;
    int64_t& left = queue.front().left;
    if (!beside)
      left -= ns;
    else if (transferEnds && left == *least)
      left = 0;
    else
      left -= doneIn(ns, m_profile.rho);
  }
  if (!beside && device.operatorLeft > 0)
    device.operatorLeft -= ns;
  else if (transferEnds)
    device.operatorLeft = std::max<int64_t>(0, device.operatorLeft - doneIn(ns, m_profile.kappa));
  else
    device.operatorLeft = 0;
  endTransfers(device);
}

void ReplayTwin::endTransfers(Device& device) {
  for (auto& [stream, queue] : device.transfers) {
    while (!queue.empty() && queue.front().left <= 0) {
      device.over.insert(queue.front().key);
      queue.pop_front();
    }
  }
}

void ReplayTwin::transfer(Device& device, const Key& key, int64_t ns) {
  device.transfers[std::get<0>(key)].push_back({key, ns});
  endTransfers(device);
}

void ReplayTwin::send(Device& from, const Message& message, int64_t now, int64_t ns) {
  const profile::Link& link = m_profile.pipelineLink;
  if (!link.shared) return deliver(message, now + ns);
  const int64_t latencyNs = std::min(ns, link.latencyNs);
  from.flows.push_back({message, static_cast<long double>(ns - latencyNs), latencyNs});
  lookAgain(from, now);
}

void ReplayTwin::reduce(Device& device, const Item& item, int64_t now, int64_t ns) {
  if (!m_profile.dataLink.shared)
    return transfer(device, {'r', item.layer, item.op, item.microBatch, 0}, ns);
  device.reductions.push_back(ns);
  moveFlows(device, now);
}

void ReplayTwin::deliver(const Message& message, int64_t time) {
  m_arrivals[message] = time;
  m_events.insert(time);
}

// Lets time go by for the flows of a port, ends those that are through and starts a reduction
// whose turn it is.
void ReplayTwin::moveFlows(Device& device, int64_t now) {
  constexpr long double kThrough = 1e-9L;
  const auto count = static_cast<long double>(device.flows.size());
  for (Flow& flow : device.flows)
    flow.left -= static_cast<long double>(now - device.flowsAt) / count;
  device.flowsAt = now;
  for (const Flow& flow : device.flows) {
    if (flow.left > kThrough) continue;
    if (flow.message) {
      deliver(*flow.message, now + flow.latencyNs);
    } else {
      device.reducing = false;
      device.reducedAt = now + flow.latencyNs;
      m_events.insert(device.reducedAt);
    }
  }
  std::erase_if(device.flows, [](const Flow& flow) { return flow.left <= kThrough; });
  if (!device.reducing && !device.reductions.empty() && device.reducedAt <= now) {
    const int64_t latencyNs = std::min(device.reductions.front(), m_profile.dataLink.latencyNs);
    device.flows.push_back(
        {std::nullopt, static_cast<long double>(device.reductions.front() - latencyNs), latencyNs});
    device.reductions.pop_front();
    device.reducing = true;
  }
  lookAgain(device, now);
}

// When the next flow will be through, if none joins: a whole nanosecond, rounded up.
void ReplayTwin::lookAgain(const Device& device, int64_t now) {
  if (device.flows.empty()) return;
  long double least = device.flows.front().left;
  for (const Flow& flow : device.flows) least = std::min(least, flow.left);
  const long double ns = least * static_cast<long double>(device.flows.size());
  m_events.insert(now + static_cast<int64_t>(std::ceil(ns - 1e-6L)));
}

bool ReplayTwin::arrived(const Message& message, int64_t now) const {
  const auto found = m_arrivals.find(message);
  return found != m_arrivals.end() && found->second <= now;
}

}  // namespace caracal::sim
