// What kernels share: numbers of both formats as floats, sums over a warp and over a block in a
// fixed order, shared memory and the clock. Included by .cu files only. Where the emulator stands
// in for a GPU (tests/runtime/cuda/emulator) the few lines that only hardware has are its own.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>

namespace caracal::cuda {

using Bf16 = __nv_bfloat16;

inline constexpr int kWarp = 32;
inline constexpr unsigned int kAllLanes = 0xffffffffU;
inline constexpr float kLowest = -3.402823466e38F;

__device__ __forceinline__ float toFloat(float x) {
  return x;
}
__device__ __forceinline__ float toFloat(Bf16 x) {
  return __bfloat162float(x);
}

template <class T>
__device__ __forceinline__ T fromFloat(float x);
template <>
__device__ __forceinline__ float fromFloat<float>(float x) {
  return x;
}
template <>
__device__ __forceinline__ Bf16 fromFloat<Bf16>(float x) {
  return __float2bfloat16(x);
}

// What a thread moves at once at most.
struct alignas(16) Vector16 {
  uint32_t words[4];
};

// Every lane gets the same bits: each step adds the same two numbers in all of them.
template <class T>
__device__ __forceinline__ T warpSum(T value) {
  for (int distance = kWarp / 2; distance > 0; distance /= 2)
    value += __shfl_xor_sync(kAllLanes, value, distance);
  return value;
}

__device__ __forceinline__ float warpMax(float value) {
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    const float other = __shfl_xor_sync(kAllLanes, value, distance);
    value = other > value ? other : value;
  }
  return value;
}

// Over a block of kThreads in one dimension, the same for all its threads; `combine` joins a warp.
template <int kThreads, class T, class Combine>
__device__ __forceinline__ T blockReduce(T value, T neutral, Combine combine) {
  constexpr int kWarps = kThreads / kWarp;
  static_assert(kThreads % kWarp == 0 && kWarps <= kWarp);
  __shared__ T ofWarps[kWarps];
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  value = combine(value);
  __syncthreads();  // the last reduction's values have been read
  if (lane == 0) ofWarps[threadIdx.x / kWarp] = value;
  __syncthreads();
  return combine(lane < kWarps ? ofWarps[lane] : neutral);
}

template <int kThreads, class T>
__device__ __forceinline__ T blockSum(T value) {
  return blockReduce<kThreads>(value, T{0}, [](T x) { return warpSum(x); });
}

template <int kThreads>
__device__ __forceinline__ float blockMax(float value) {
  return blockReduce<kThreads>(value, kLowest, [](float x) { return warpMax(x); });
}

#if defined(__CUDACC__)

template <class T>
__device__ __forceinline__ T* dynamicShared() {
  extern __shared__ __align__(16) unsigned char caracalDynamicShared[];
  return reinterpret_cast<T*>(caracalDynamicShared);
}

// Nanoseconds of the whole GPU's clock.
__device__ __forceinline__ uint64_t clockNs() {
  uint64_t ns;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(ns));
  return ns;
}

__device__ __forceinline__ void sleepNs(unsigned int ns) {
  __nanosleep(ns);
}

#else

template <class T>
T* dynamicShared() {
  return static_cast<T*>(emulator::dynamicShared());
}
inline uint64_t clockNs() {
  return emulator::clockNs();
}
inline void sleepNs(unsigned int ns) {
  emulator::sleepNs(ns);
}

#endif

}  // namespace caracal::cuda
