// The part of CUDA's runtime that runtime/cuda uses, on the processor: the very same kernel and
// device sources, compiled as C++ with this folder before CUDA's, run without a GPU.
//
// Kernels: the threads of a block are fibers that meet at barriers and shuffles; blocks run one
// after the other (block.h). Streams: work is queued and runs only when the host waits for some of
// it; which stream goes on is drawn by chance among those that may, so that a missing wait for an
// event shows as a wrong result. Each stream has a clock that kernels advance by a made-up time,
// so that overlaps can be asked for, but no speed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __shared__ static
#define __launch_bounds__(threads)

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorNotReady = 600,
};
enum cudaMemcpyKind {
  cudaMemcpyHostToDevice = 1,
  cudaMemcpyDeviceToHost = 2,
  cudaMemcpyDeviceToDevice = 3,
  cudaMemcpyDefault = 4,
};
enum cudaDeviceAttr { cudaDevAttrMultiProcessorCount = 16 };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
inline constexpr unsigned int cudaStreamNonBlocking = 1;
inline constexpr unsigned int cudaEventDefault = 0;
inline constexpr unsigned int cudaEventDisableTiming = 2;

namespace emulator {
struct Stream;
struct Event;
}  // namespace emulator
using cudaStream_t = emulator::Stream*;
using cudaEvent_t = emulator::Event*;

struct dim3 {
  dim3(unsigned int x_ = 1, unsigned int y_ = 1, unsigned int z_ = 1) : x(x_), y(y_), z(z_) {}
  unsigned int x, y, z;
};
struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
};

// Of the kernel thread that runs.
inline dim3 threadIdx, blockIdx, blockDim, gridDim;

const char* cudaGetErrorString(cudaError_t error);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device);
cudaError_t cudaMalloc(void** data, size_t bytes);
cudaError_t cudaFree(void* data);
cudaError_t cudaMallocHost(void** data, size_t bytes);
cudaError_t cudaFreeHost(void* data);
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaMemsetAsync(void* data, int value, size_t bytes, cudaStream_t stream);
cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest);
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned int flags, int priority);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned int flags);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned int flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventQuery(cudaEvent_t event);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end);

template <class Kernel>
cudaError_t cudaFuncSetAttribute(Kernel*, cudaFuncAttribute, int) {
  return cudaSuccess;
}

namespace emulator {

// Runs every thread of every block. REQUIRES threads per block to be a multiple of 32.
void runGrid(const cudaLaunchConfig_t& config, const std::function<void()>& kernel);
// Puts work behind what the stream has.
void enqueue(cudaStream_t stream, std::function<void()> work);
// Work that starts when ready(), as what other processes do to it may allow; runs until then go on
// without it, and hosts that wait for it wait.
void enqueueWhen(cudaStream_t stream, std::function<bool()> ready, std::function<void()> work);
// The launch of this number from now on, from 1, never starts.
void hangKernel(int64_t number);
std::function<bool()> readinessOfKernel();

// In what order the threads of a block run between two barriers; results must not depend on it.
enum class ThreadOrder : uint8_t { kRising, kFalling, kShuffled };
void setThreadOrder(ThreadOrder order);
// Of the draws among streams and of kShuffled.
void setSeed(uint64_t seed);

void blockBarrier();
void warpBarrier();
uint64_t* nextWarpSlots();  // one for each lane of the running thread's warp
unsigned int lane();
void* dynamicShared();
// Nanoseconds of the running kernel's stream; sleeping moves them on.
uint64_t clockNs();
void sleepNs(uint64_t ns);

// The values of all lanes of the running thread's warp.
template <class T>
std::array<T, 32> gather(T value) {
  static_assert(sizeof(T) <= sizeof(uint64_t));
  uint64_t* slots = nextWarpSlots();
  *reinterpret_cast<T*>(slots + lane()) = value;
  warpBarrier();
  std::array<T, 32> values;
  for (size_t i = 0; i < values.size(); ++i) values[i] = *reinterpret_cast<const T*>(slots + i);
  return values;
}

template <class T>
T exchange(T value, unsigned int sourceLane) {
  static_assert(sizeof(T) <= sizeof(uint64_t));
  uint64_t* slots = nextWarpSlots();
  *reinterpret_cast<T*>(slots + lane()) = value;
  warpBarrier();
  return *reinterpret_cast<const T*>(slots + sourceLane % 32);
}

}  // namespace emulator

inline void __syncthreads() {
  emulator::blockBarrier();
}
template <class T>
T __shfl_xor_sync(unsigned int, T value, int mask) {
  return emulator::exchange(value, emulator::lane() ^ static_cast<unsigned int>(mask));
}
template <class T>
T __shfl_sync(unsigned int, T value, int source) {
  return emulator::exchange(value, static_cast<unsigned int>(source));
}
inline float __fmul_rn(float a, float b) {
  return a * b;
}
inline float __fadd_rn(float a, float b) {
  return a + b;
}

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments... arguments) {
  if (config->blockDim.x * config->blockDim.y * config->blockDim.z > 1024 ||
      config->gridDim.x == 0 || config->gridDim.y > 65535)
    return cudaErrorInvalidValue;
  emulator::enqueueWhen(config->stream, emulator::readinessOfKernel(),
                        [config = *config, kernel, arguments...] {
                          emulator::runGrid(config, [&] { kernel(arguments...); });
                        });
  return cudaSuccess;
}
