// ItemRunner: the items of one device on its clock, all but those that wait for other devices.
#pragma once

#include <cstdint>
#include <deque>

#include "core/plan/program.h"
#include "core/plan/stage_shape.h"
#include "core/sim/device_clock.h"
#include "core/sim/operator_times.h"
#include "core/sim/replay.h"
#include "core/sim/shared_ports.h"

namespace caracal::sim {

class ItemRunner {
 public:
  // All must outlive this.
  ItemRunner(const plan::DeviceShape& shape, const OperatorTimes& operators,
             const plan::Contention& contention)
      : m_shape(shape), m_operators(operators), m_clock(contention) {}

  // Until this is called every reduction starts as soon as it is ready, beside nothing. `ports`
  // must outlive this.
  void connect(SharedPorts& ports) { m_ports = &ports; }
  void setEarlyFetches(EarlyFetches fetches) { m_earlyFetches = fetches; }

  DeviceClock& clock() { return m_clock; }
  int64_t nowNs() const { return m_clock.nowNs(); }

  // REQUIRES no transfer between stages, and not kGradientReduce or kReduceWait. Sets `time`, which
  // must stay where it is: that of a transfer when the transfer is over.
  void run(const plan::Item& item, ItemTime& time);

  // The next reduction of gradients; `time` as in DeviceClock::start(). Over a shared link they go
  // through its port, and operators and they do not slow each other.
  void reduce(int64_t readyNs, int64_t aloneNs, ItemTime* time);
  bool hasReduced() const { return m_reduces; }
  // When the last reduction is over if compute waits: kNeverArrives until that is known.
  int64_t reducedNs();
  // REQUIRES that it is known.
  void waitForReductions();

 private:
  int64_t fetchNs(const plan::Item& item) const;

  const plan::DeviceShape& m_shape;
  const OperatorTimes& m_operators;
  DeviceClock m_clock;
  SharedPorts* m_ports = nullptr;
  std::deque<ItemTime> m_shared;  // reductions over a shared link; addresses stay
  bool m_reduces = false;
  int64_t m_reducedAloneNs = 0;  // without ports: the latest end
  EarlyFetches m_earlyFetches = EarlyFetches::kTimed;
};

}  // namespace caracal::sim
