// ReplayTwin: the replay as an event-by-event simulation with one global clock, which moves from
// event to event. Slow and obvious, written from core/plan/program.h and docs/simulator.md alone.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "core/plan/program.h"
#include "core/plan/stage_shape.h"
#include "core/profile/profile.h"

namespace caracal::sim {

class ReplayTwin {
 public:
  // All must outlive this.
  ReplayTwin(const profile::Profile& profile, const plan::Plan& plan, const plan::Program& program);

  // The length of the step; nothing: some device never gets to its end.
  std::optional<int64_t> run();

 private:
  // To device, pass, chunk, micro-batch.
  using Message = std::tuple<size_t, char, int32_t, int32_t>;
  // Stream, layer, operator, micro-batch, collective.
  using Key = std::tuple<char, int32_t, int16_t, int32_t, uint32_t>;

  // Communication beside compute, one after the other on its stream.
  struct Transfer {
    Key key;
    int64_t left = 0;  // alone
  };
  // A transfer that shares its device's port.
  struct Flow {
    std::optional<Message> message;  // nothing: a reduction
    long double left = 0;            // nanoseconds alone
    int64_t latencyNs = 0;
  };

  struct Device {
    size_t next = 0;
    int64_t operatorLeft = 0;                        // of the one that runs, alone
    std::map<char, std::deque<Transfer>> transfers;  // by stream; the first is under way
    std::set<Key> over;
    int64_t settledAt = 0;
    // The port.
    std::vector<Flow> flows;
    int64_t flowsAt = 0;
    std::deque<int64_t> reductions;  // that wait for their turn at the port; nanoseconds alone
    bool reducing = false;
    int64_t reducedAt = 0;
    bool reducesAtTheEnd = false;
  };

  bool proceed(size_t d, int64_t now);
  bool runItem(size_t d, int64_t now);
  bool endsReducing(Device& device, int64_t now) const;

  // Of a device's operator and the transfers beside it: the time to the next end of one of them.
  std::optional<int64_t> untilChange(const Device& device) const;
  std::optional<int64_t> leastLeft(const Device& device) const;
  void settle(Device& device, int64_t now);
  void endTransfers(Device& device);
  void transfer(Device& device, const Key& key, int64_t ns);

  void send(Device& from, const Message& message, int64_t now, int64_t ns);
  void reduce(Device& device, const plan::Item& item, int64_t now, int64_t ns);
  void deliver(const Message& message, int64_t time);
  void moveFlows(Device& device, int64_t now);
  void lookAgain(const Device& device, int64_t now);
  bool arrived(const Message& message, int64_t now) const;

  const profile::Profile& m_profile;
  const plan::Plan& m_plan;
  const plan::Program& m_program;
  plan::ProfileGraphs m_graphs;
  std::vector<Device> m_devices;
  std::set<int64_t> m_events;
  std::map<Message, int64_t> m_arrivals;
};

}  // namespace caracal::sim
