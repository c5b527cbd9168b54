// Where all ranks meet at the end of a step: the loss is known, the recording of the step is
// written, the decision to go on or to stop is taken once, and all clocks start the next step
// together.
#pragma once

#include <cstdint>
#include <functional>

#include "core/base/result.h"
#include "runtime/comm/monitor.h"

namespace caracal::comm {

class StepBarrier {
 public:
  StepBarrier(Monitor& monitor, int32_t ranks) : m_monitor(monitor), m_ranks(ranks) {}

  // Blocks until all ranks have arrived. The last one then runs `whenAll` alone, with everything
  // the others did before visible to it, and the others see what it did. Its failure fails all
  // ranks.
  Result<void> arrive(const std::function<Result<void>()>& whenAll);

 private:
  Monitor& m_monitor;
  int32_t m_ranks;
  int32_t m_arrived = 0;  // guarded by m_monitor
  uint64_t m_round = 0;   // guarded by m_monitor
};

}  // namespace caracal::comm
