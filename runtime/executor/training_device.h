// What a run needs of a device beside executing programs: steps that begin together, losses, and
// parameters that can be read and written between steps. A Backend makes one for each rank.
#pragma once

#include <memory>

#include "runtime/comm/clock.h"
#include "runtime/comm/layout.h"
#include "runtime/comm/network.h"
#include "runtime/comm/wire.h"
#include "runtime/executor/device.h"
#include "runtime/kernels/adamw.h"
#include "runtime/model/parameters.h"
#include "runtime/model/rank_model.h"

namespace caracal::executor {

struct RankOptions {
  comm::Position position;
  model::ModelOptions model;
  kernels::AdamwOptions optimizer;
  profile::ParallelShape parallel;
  comm::LinkSpeeds speeds;           // of emulated links
  comm::Monitor* monitor = nullptr;  // of the run
  // Links between ranks that are threads and hold their tensors in host memory.
  comm::RankLinks links;
  int32_t tensorMember = 0;  // this rank in links.tensor
  int32_t dataMember = 0;    // this rank in links.data
};

class TrainingDevice : public Device {
 public:
  // Of the rank's clock, before a step.
  virtual void waitUntil(int64_t ns) = 0;
  // Blocks until everything of the step is done; its failures are told here at the latest.
  virtual Result<void> finishStep() = 0;
  // Of the micro-batches since the last call; 0 where there is no loss operator.
  virtual double takeLossSum() = 0;
  // Parameters as they are now, in host memory, valid until the next call. Between steps, by any
  // one thread.
  virtual Result<model::ParameterStore*> fetchParameters() = 0;
  // Takes over what was written to the store that fetchParameters() gave.
  virtual Result<void> storeParameters() = 0;
  virtual comm::RankClock::Overshoot overshoot() const { return {}; }
};

class Backend {
 public:
  virtual ~Backend() = default;
  // Called by the thread that will use the device. The clock outlives it.
  virtual Result<std::unique_ptr<TrainingDevice>> makeDevice(
      const RankOptions& options, std::shared_ptr<const model::TextSource> text,
      comm::RunClock& clock) = 0;
  // Where ranks are processes: called once, before anything is received, for ports of the backend's
  // own from kFirstBackendPort on. Both live longer than the devices.
  virtual void connect(comm::Wire& /*wire*/, comm::Monitor& /*monitor*/) {}
  static constexpr uint32_t kFirstBackendPort = 1U << 20;
  // What people should know about the devices that were made.
  virtual std::vector<std::string> warnings() const { return {}; }

 protected:
  Backend() = default;
  Backend(const Backend&) = default;
  Backend& operator=(const Backend&) = default;
};

}  // namespace caracal::executor
