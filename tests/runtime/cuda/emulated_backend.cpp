#include <cuda_runtime.h>

#include "runtime/cuda/cuda_backend.h"
#include "tests/runtime/cuda/backend_under_test.h"

namespace caracal::cuda {

Result<LoadedBackend> backendUnderTest() {
  LoadedBackend loaded;
  loaded.backend = std::make_unique<CudaBackend>(CudaBackendOptions{});
  loaded.facts = cudaFacts({});
  return loaded;
}

void shuffleStreams(uint64_t seed) {
  emulator::setSeed(seed);
}

}  // namespace caracal::cuda
