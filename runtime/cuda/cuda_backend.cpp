#include "runtime/cuda/cuda_backend.h"

#include <algorithm>

#include "runtime/cuda/kernels/flash_attention.h"

namespace caracal::cuda {

// Once, by the first rank that comes. REQUIRES m_mutex.
Result<void> CudaBackend::openVirtually(const executor::RankOptions& options,
                                        comm::ClockKind clock) {
  const LinkContext context{options.monitor, &m_events, m_options.linkCtas, clock};
  CARACAL_TRY(network, VirtualNetwork::make(context, options.parallel, options.speeds));
  m_network = std::move(network);
  if (!m_options.partition) return {};
  auto partition = makeSmPartition(m_options.device, options.parallel.ranks());
  if (partition) {
    m_partition = std::move(*partition);
  } else {
    m_warnings.push_back(fmt::format("the ranks share all multiprocessors of the GPU: {}",
                                     partition.error().message));
  }
  return {};
}

Result<CudaDevice::Connection> CudaBackend::connectVirtually(const executor::RankOptions& options,
                                                             comm::ClockKind clock) {
  const std::lock_guard lock(m_mutex);
  if (m_network == nullptr) CARACAL_CHECK_OK(openVirtually(options, clock));
  CudaDevice::Connection connection;
  connection.links = m_network->linksOf(options.position);
  connection.partition = m_partition.get();
  if (m_partition != nullptr) connection.multiprocessors = m_partition->multiprocessors();
  return connection;
}

Result<CudaDevice::Connection> CudaBackend::connectByNccl(const executor::RankOptions& options) {
  CARACAL_TRY(api, nccl::api());
  CARACAL_TRY(network, NcclNetwork::make({api, &m_events, &m_mailbox, options.monitor,
                                          m_options.device, m_options.linkCtas},
                                         options.position, options.parallel));
  CudaDevice::Connection connection;
  connection.links = network->links();
  connection.network = std::move(network);
  if (m_options.linkCtas == 0) return connection;
  // A product beside a collective that has its blocks shall still fill whole waves.
  int multiprocessors = 0;
  CARACAL_CHECK_OK(check(
      cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, m_options.device),
      "counting multiprocessors"));
  connection.multiprocessors = std::max(1, multiprocessors - m_options.linkCtas);
  return connection;
}

Result<std::unique_ptr<executor::TrainingDevice>> CudaBackend::makeDevice(
    const executor::RankOptions& options, std::shared_ptr<const model::TextSource> text,
    comm::RunClock& clock) {
  if (clock.kind() != comm::ClockKind::kWall && m_options.separateProcesses) {
    return fail(ErrorCode::kUnsupported,
                "ranks with a GPU each run on the wall clock only: their links are real; leave out "
                "--clock virtual, or run the ranks in one process");
  }
  if (options.model.shape.headWidth() > kMostHeadWidth && options.model.shape.fusedAttention) {
    return fail(ErrorCode::kUnsupported,
                "fused attention takes heads of up to {} numbers, not {}; use more heads",
                kMostHeadWidth, options.model.shape.headWidth());
  }
  CARACAL_CHECK_OK(check(cudaSetDevice(m_options.device), "choosing the GPU"));
  CARACAL_TRY(connection, m_options.separateProcesses ? connectByNccl(options)
                                                      : connectVirtually(options, clock.kind()));
  CARACAL_TRY(device,
              CudaDevice::make(options, std::move(text), clock, std::move(connection), m_events));
  return std::move(device);
}

executor::BackendFacts cudaFacts(const CudaBackendOptions& options) {
  executor::BackendFacts facts;
  facts.ownsDevices = options.separateProcesses;
  facts.abilities = {.backend = "CUDA", .bf16 = true, .fusedAttention = true};
  facts.fixedMemory = fixedMemory;
  return facts;
}

}  // namespace caracal::cuda
