// The part of NCCL's C interface that is used here, declared anew: NCCL 2 keeps its ABI, so that a
// build needs neither its header nor its library. nccl_library.cpp opens libnccl.so.2 by name and
// holds these declarations against nccl.h where that is installed.
#pragma once

#include <cuda_runtime.h>

#include <climits>
#include <cstddef>

#include "core/base/result.h"

namespace caracal::cuda::nccl {

inline constexpr int kOldestVersion = 21800;  // the first with ncclCommSplit

enum class Status : int { kSuccess = 0, kRemoteError = 6, kInProgress = 7 };
enum class DataType : int { kUint8 = 1, kFloat32 = 7, kBfloat16 = 9 };
enum class Reduction : int { kSum = 0 };
inline constexpr int kNoColor = -1;  // of a rank that gets no communicator out of a split

struct UniqueId {
  char bytes[128];
};
struct Handle;  // ncclComm_t is a pointer to it

// ncclConfig_t up to version 2.18; later fields keep their defaults.
struct Config {
  size_t size = sizeof(Config);
  unsigned int magic = 0xcafebeef;
  unsigned int version = kOldestVersion;
  int blocking = INT_MIN;  // each: NCCL's default
  int cgaClusterSize = INT_MIN;
  int minCtas = INT_MIN;
  int maxCtas = INT_MIN;
  const char* netName = nullptr;
  int splitShare = INT_MIN;
};

struct Api {
  Status (*getVersion)(int*) = nullptr;
  const char* (*getErrorString)(Status) = nullptr;
  Status (*getUniqueId)(UniqueId*) = nullptr;
  Status (*commInitRankConfig)(Handle**, int ranks, UniqueId, int rank, Config*) = nullptr;
  Status (*commSplit)(Handle*, int color, int key, Handle**, Config*) = nullptr;
  Status (*commFinalize)(Handle*) = nullptr;
  Status (*commDestroy)(Handle*) = nullptr;
  Status (*commAbort)(Handle*) = nullptr;
  Status (*commGetAsyncError)(Handle*, Status*) = nullptr;
  Status (*allReduce)(const void*, void*, size_t, DataType, Reduction, Handle*,
                      cudaStream_t) = nullptr;
  // Counts are of a rank's part.
  Status (*allGather)(const void*, void*, size_t, DataType, Handle*, cudaStream_t) = nullptr;
  Status (*reduceScatter)(const void*, void*, size_t, DataType, Reduction, Handle*,
                          cudaStream_t) = nullptr;
  Status (*send)(const void*, size_t, DataType, int peer, Handle*, cudaStream_t) = nullptr;
  Status (*recv)(void*, size_t, DataType, int peer, Handle*, cudaStream_t) = nullptr;
  Status (*groupStart)() = nullptr;
  Status (*groupEnd)() = nullptr;
};

// Fails, with words, where there is no NCCL or an older one. Defined by what is linked:
// libnccl.so.2, or the emulator's.
Result<const Api*> api();

}  // namespace caracal::cuda::nccl
