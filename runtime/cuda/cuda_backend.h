// The backend of one GPU: of all ranks, which are threads on streams of their own (virtual ranks),
// or of the one rank of this process.
#pragma once

#include <mutex>

#include "runtime/cuda/backend_entry.h"
#include "runtime/cuda/cuda_device.h"
#include "runtime/cuda/virtual_network.h"
#include "runtime/executor/training_device.h"

namespace caracal::cuda {

class CudaBackend final : public executor::Backend {
 public:
  explicit CudaBackend(const CudaBackendOptions& options) : m_options(options) {}

  Result<std::unique_ptr<executor::TrainingDevice>> makeDevice(
      const executor::RankOptions& options, std::shared_ptr<const model::TextSource> text,
      comm::RunClock& clock) override;
  void connect(comm::Wire& wire, comm::Monitor& monitor) override {
    m_mailbox.connect(wire, monitor);
  }
  std::vector<std::string> warnings() const override { return m_warnings; }

 private:
  Result<void> openVirtually(const executor::RankOptions& options, comm::ClockKind clock);
  Result<CudaDevice::Connection> connectVirtually(const executor::RankOptions& options,
                                                  comm::ClockKind clock);
  Result<CudaDevice::Connection> connectByNccl(const executor::RankOptions& options);

  CudaBackendOptions m_options;
  EventPool m_events;
  std::mutex m_mutex;
  std::unique_ptr<VirtualNetwork> m_network;  // made by the first rank that comes
  std::unique_ptr<SmPartition> m_partition;   // likewise
  std::vector<std::string> m_warnings;
  NcclMailbox m_mailbox;
};

executor::BackendFacts cudaFacts(const CudaBackendOptions& options);

}  // namespace caracal::cuda
