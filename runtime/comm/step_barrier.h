// Where all ranks meet at the end of a step: each hands in what the step came to, one of them
// decides (the loss is known, the recording of the step is written, the run goes on or stops), and
// all learn the decision.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/base/result.h"
#include "runtime/comm/monitor.h"
#include "runtime/comm/reduce_group.h"
#include "runtime/comm/wire.h"

namespace caracal::comm {

class StepBarrier {
 public:
  StepBarrier(Monitor& monitor, int32_t ranks, Wire* wire = nullptr);
  StepBarrier(const StepBarrier&) = delete;
  StepBarrier& operator=(const StepBarrier&) = delete;
  static constexpr uint32_t kPort = 1;

  // What all ranks handed in, by rank, to what they get back.
  using Decide = std::function<Result<Bytes>(std::vector<Bytes> handedIn)>;

  // Blocks until all ranks have arrived and one has decided: rank 0 where ranks are processes, else
  // the last to arrive. It does so while all others stand still and sees what they did before; they
  // see what it did. Its failure fails all ranks.
  Result<Bytes> arrive(int32_t rank, Bytes own, const Decide& decide);

 private:
  Result<Bytes> askRankZero(const Bytes& own);
  Result<Bytes> decideForAll(Monitor::Lock lock, const Decide& decide);
  void receive(int32_t from, const Parcel& parcel);
  std::string missingRanks() const;

  Monitor& m_monitor;
  Wire* m_wire;
  // Guarded by m_monitor:
  std::vector<Bytes> m_handedIn;  // by rank
  std::vector<bool> m_hasArrived;
  size_t m_arrived = 0;
  uint64_t m_round = 0;
  Bytes m_decision;
};

}  // namespace caracal::comm
