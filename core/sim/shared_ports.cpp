#include "core/sim/shared_ports.h"

#include <algorithm>
#include <limits>

namespace caracal::sim {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

// A multiple of 1 to 16: shares of so many transfers at once are exact, those of more are rounded
// down by less than a millionth of a nanosecond.
constexpr int64_t kPartsPerNs = 720720;
__extension__ using Wide = __int128;

int64_t shareOf(int64_t spanNs, size_t transfers) {
  return static_cast<int64_t>(Wide{spanNs} * kPartsPerNs / static_cast<int64_t>(transfers));
}

// Until a transfer of which so much is left is through.
int64_t untilThrough(int64_t remaining, size_t transfers) {
  const Wide alone = Wide{remaining} * static_cast<int64_t>(transfers);
  return static_cast<int64_t>((alone + kPartsPerNs - 1) / kPartsPerNs);
}

}  // namespace

SharedPorts::SharedPorts(const profile::Profile& profile, size_t devices)
    : m_sends(profile.pipelineLink), m_reductions(profile.dataLink), m_ports(devices) {}

void SharedPorts::send(size_t device, const PortTransfer& transfer) {
  m_ports[device].sends.push_back(transfer);
  m_ports[device].completionNs.reset();
}

void SharedPorts::reduce(size_t device, const PortTransfer& transfer) {
  m_ports[device].reductions.push_back(transfer);
  m_ports[device].completionNs.reset();
}

int64_t SharedPorts::nextStartNs(const Port& port, const State& state) const {
  int64_t next = kNever;
  if (state.nextSend < port.sends.size()) next = port.sends[state.nextSend].readyNs;
  if (!state.reducing && state.nextReduction < port.reductions.size()) {
    const int64_t readyNs = port.reductions[state.nextReduction].readyNs;
    next = std::min(next, std::max(readyNs, state.reducedNs));
  }
  return next;
}

void SharedPorts::start(const PortTransfer& transfer, bool reduction, State& state) const {
  const profile::Link& link = reduction ? m_reductions : m_sends;
  const int64_t latencyNs = std::min(link.latencyNs, transfer.aloneNs);
  state.active.push_back(
      {reduction, transfer, state.nowNs, latencyNs, (transfer.aloneNs - latencyNs) * kPartsPerNs});
}

// Everything that can start by now.
void SharedPorts::startReady(const Port& port, State& state) const {
  while (state.nextSend < port.sends.size() && port.sends[state.nextSend].readyNs <= state.nowNs)
    start(port.sends[state.nextSend++], false, state);
  if (nextStartNs(port, state) > state.nowNs) return;
  start(port.reductions[state.nextReduction++], true, state);
  state.reducing = true;
}

// The transfer is taken out of the state; nothing when none is left.
std::optional<SharedPorts::Active> SharedPorts::runToCompletion(const Port& port,
                                                                State& state) const {
  for (;;) {
    startReady(port, state);
    const int64_t nextNs = nextStartNs(port, state);
    if (state.active.empty()) {
      if (nextNs == kNever) return std::nullopt;
      state.nowNs = nextNs;
      continue;
    }
    const size_t count = state.active.size();
    const auto first = std::min_element(
        state.active.begin(), state.active.end(),
        [](const Active& a, const Active& b) { return a.remaining < b.remaining; });
    const int64_t throughNs = state.nowNs + untilThrough(first->remaining, count);
    const int64_t untilNs = std::min(nextNs, throughNs);
    const int64_t share = shareOf(untilNs - state.nowNs, count);
    for (Active& active : state.active)
      active.remaining = std::max<int64_t>(0, active.remaining - share);
    state.nowNs = untilNs;
    if (nextNs < throughNs) continue;
    const Active through = *first;
    state.active.erase(first);
    if (through.reduction) {
      state.reducing = false;
      state.reducedNs = state.nowNs + through.latencyNs;
    }
    return through;
  }
}

int64_t SharedPorts::nextCompletionNs(Port& port) const {
  if (!port.completionNs) {
    State trial = port.state;
    port.completionNs = runToCompletion(port, trial) ? trial.nowNs : kNever;
  }
  return *port.completionNs;
}

bool SharedPorts::completeNext() {
  Port* first = nullptr;
  int64_t firstNs = kNever;
  for (Port& port : m_ports) {
    const int64_t completionNs = nextCompletionNs(port);
    if (completionNs >= firstNs) continue;
    firstNs = completionNs;
    first = &port;
  }
  if (first == nullptr) return false;
  first->completionNs.reset();
  const std::optional<Active> through = runToCompletion(*first, first->state);
  const ItemTime span{through->beginNs, firstNs + through->latencyNs};
  if (through->transfer.item != nullptr) *through->transfer.item = span;
  if (through->transfer.arrival != nullptr) *through->transfer.arrival = span;
  return true;
}

}  // namespace caracal::sim
