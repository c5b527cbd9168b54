// A stream that work is put on, remembering the first launch that was refused: kernels are many and
// none is refused in a sound program, so callers ask once, after an operator, rather than after
// each launch.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace caracal::cuda {

struct Queue {
  cudaStream_t stream = nullptr;
  cudaError_t error = cudaSuccess;
  const char* failed = "";  // what was refused first

  void note(const char* what, cudaError_t result) {
    if (result == cudaSuccess || error != cudaSuccess) return;
    error = result;
    failed = what;
  }
};

struct LaunchShape {
  int64_t blocks = 0;  // 0: nothing is launched
  dim3 threads;
  size_t sharedBytes = 0;
  int64_t blocksY = 1;
};

inline constexpr size_t kUsualSharedBytes = 48 * 1024;  // more must be asked for

template <class... Parameters>
void launch(Queue& queue, const char* what, void (*kernel)(Parameters...), const LaunchShape& shape,
            std::type_identity_t<Parameters>... arguments) {
  if (shape.blocks == 0) return;
  if (shape.sharedBytes > kUsualSharedBytes) {
    queue.note(what, cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                          static_cast<int>(shape.sharedBytes)));
  }
  cudaLaunchConfig_t config{};
  config.gridDim =
      dim3(static_cast<unsigned int>(shape.blocks), static_cast<unsigned int>(shape.blocksY));
  config.blockDim = shape.threads;
  config.dynamicSmemBytes = shape.sharedBytes;
  config.stream = queue.stream;
  queue.note(what, cudaLaunchKernelEx(&config, kernel, arguments...));
}

constexpr int64_t ceilDiv(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

}  // namespace caracal::cuda
