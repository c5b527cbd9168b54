// The backend of one GPU whose ranks are virtual: threads of this process, on streams of their own.
#pragma once

#include <mutex>

#include "runtime/cuda/backend_entry.h"
#include "runtime/cuda/cuda_device.h"
#include "runtime/executor/training_device.h"

namespace caracal::cuda {

class CudaBackend final : public executor::Backend {
 public:
  explicit CudaBackend(const CudaBackendOptions& options) : m_options(options) {}

  Result<std::unique_ptr<executor::TrainingDevice>> makeDevice(
      const executor::RankOptions& options, std::shared_ptr<const model::TextSource> text,
      comm::RunClock& clock) override;

 private:
  Result<VirtualNetwork*> networkFor(const executor::RankOptions& options);

  CudaBackendOptions m_options;
  EventPool m_events;
  std::mutex m_mutex;
  std::unique_ptr<VirtualNetwork> m_network;  // made by the first rank that comes
};

executor::BackendFacts cudaFacts();

}  // namespace caracal::cuda
