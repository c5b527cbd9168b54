#include "runtime/cuda/cuda_backend.h"

#include "runtime/cuda/kernels/flash_attention.h"

namespace caracal::cuda {

Result<VirtualNetwork*> CudaBackend::networkFor(const executor::RankOptions& options) {
  const std::lock_guard lock(m_mutex);
  if (m_network == nullptr) {
    const LinkContext context{options.monitor, &m_events, m_options.linkCtas};
    CARACAL_TRY(network, VirtualNetwork::make(context, options.parallel, options.speeds));
    m_network = std::move(network);
  }
  return m_network.get();
}

Result<std::unique_ptr<executor::TrainingDevice>> CudaBackend::makeDevice(
    const executor::RankOptions& options, std::shared_ptr<const model::TextSource> text,
    comm::RunClock& clock) {
  if (clock.kind() != comm::ClockKind::kWall) {
    return fail(ErrorCode::kUnsupported,
                "the CUDA backend runs on the wall clock only; leave out --clock virtual");
  }
  if (options.model.shape.headWidth() > kMostHeadWidth && options.model.shape.fusedAttention) {
    return fail(ErrorCode::kUnsupported,
                "fused attention takes heads of up to {} numbers, not {}; use more heads",
                kMostHeadWidth, options.model.shape.headWidth());
  }
  CARACAL_CHECK_OK(check(cudaSetDevice(m_options.device), "choosing the GPU"));
  CARACAL_TRY(network, networkFor(options));
  CARACAL_TRY(device, CudaDevice::make(options, std::move(text), clock,
                                       network->linksOf(options.position), m_events));
  return std::move(device);
}

executor::BackendFacts cudaFacts() {
  executor::BackendFacts facts;
  facts.abilities = {"CUDA", true, true};
  facts.fixedMemory = fixedMemory;
  return facts;
}

}  // namespace caracal::cuda
