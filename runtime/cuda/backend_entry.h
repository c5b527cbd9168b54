// How programs get the CUDA backend out of libcaracal_cuda.so, which is built with them: plain C++
// without a CUDA header.
#pragma once

#include <memory>

#include "core/base/result.h"
#include "runtime/executor/job.h"
#include "runtime/executor/training_device.h"

namespace caracal::cuda {

struct CudaBackendOptions {
  int32_t device = 0;
  int32_t linkCtas = 1;  // blocks that an operation on a link may occupy; 0: what NCCL chooses
  // Ranks are processes with a GPU each, connected by NCCL; else threads that share the GPU.
  bool separateProcesses = false;
  // Each of the ranks that share the GPU gets multiprocessors of its own, where that can be done.
  bool partition = false;
};

struct LoadedBackend {
  std::unique_ptr<executor::Backend> backend;
  executor::BackendFacts facts;
};

inline constexpr const char* kBackendEntry = "caracalCudaBackend";
// Makes a backend, or says why not: there is no driver, no GPU or no GPU of that number.
using BackendEntry = void (*)(const CudaBackendOptions& options, Result<LoadedBackend>& made);

}  // namespace caracal::cuda
