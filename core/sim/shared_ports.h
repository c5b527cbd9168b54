// SharedPorts: transfers over links with shared capacity, in whole nanoseconds.
//
// What leaves a device over its shared links at the same time shares one port's bandwidth fairly:
// of n transfers each moves at 1/n of its speed. Reductions of a device wait for each other, sends
// do not. Latency is not shared: a transfer arrives one latency after its last byte has left. Last
// bytes leave at whole nanoseconds, rounded up.
//
// A replay runs every device as far as it gets and then asks for the completion that comes first.
// All that is still unknown waits for that one or for a later one, so whatever is added afterwards
// starts no earlier, and what has been said stays true.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/profile/profile.h"
#include "core/sim/replay.h"

namespace caracal::sim {

struct PortTransfer {
  int64_t readyNs = 0;  // REQUIRES no earlier than those of the same queue before
  int64_t aloneNs = 0;  // latency included
  // Both are set on completion, where not null: from the first byte's departure to the arrival.
  ItemTime* item = nullptr;
  ItemTime* arrival = nullptr;
};

class SharedPorts {
 public:
  SharedPorts(const profile::Profile& profile, size_t devices);

  // Only transfers over shared links come here.
  bool takesSends() const { return m_sends.shared; }
  bool takesReductions() const { return m_reductions.shared; }
  void send(size_t device, const PortTransfer& transfer);
  void reduce(size_t device, const PortTransfer& transfer);

  // Sets the times of the transfer that completes first; false: none is left.
  bool completeNext();

 private:
  struct Active {
    bool reduction = false;
    PortTransfer transfer;
    int64_t beginNs = 0;
    int64_t latencyNs = 0;
    int64_t remaining = 0;  // of its time alone, in parts of a nanosecond
  };
  // How far a port has come.
  struct State {
    int64_t nowNs = 0;
    size_t nextSend = 0, nextReduction = 0;
    bool reducing = false;
    int64_t reducedNs = 0;  // arrival of the last reduction
    std::vector<Active> active;
  };
  struct Port {
    std::vector<PortTransfer> sends, reductions;
    State state;
    std::optional<int64_t> completionNs;  // of the next transfer, once looked up
  };

  int64_t nextStartNs(const Port& port, const State& state) const;
  void startReady(const Port& port, State& state) const;
  void start(const PortTransfer& transfer, bool reduction, State& state) const;
  std::optional<Active> runToCompletion(const Port& port, State& state) const;
  int64_t nextCompletionNs(Port& port) const;

  profile::Link m_sends, m_reductions;
  std::vector<Port> m_ports;
};

}  // namespace caracal::sim
