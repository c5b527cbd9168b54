// libcaracal_cuda.so of a machine that has an emulated GPU for every rank, for caracal-run.
#include "runtime/cuda/cuda_backend.h"
#include "tests/runtime/cuda/emulator/faults.h"

extern "C" __attribute__((visibility("default"))) void caracalCudaBackend(
    const caracal::cuda::CudaBackendOptions& options,
    caracal::Result<caracal::cuda::LoadedBackend>& made) {
  emulator::readFaults(options.device);
  caracal::cuda::LoadedBackend loaded;
  loaded.backend = std::make_unique<caracal::cuda::CudaBackend>(options);
  loaded.facts = caracal::cuda::cudaFacts(options);
  loaded.facts.deviceName = "emulated GPU";
  made = std::move(loaded);
}
