// Which GPUs this machine has and which CUDA libraries work on it, asked of libcaracal_cuda.so and
// libcaracal_inject.so at run time. Nothing here is linked to CUDA.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace caracal::device {

struct Device {
  std::string name;
  int64_t totalBytes = 0;
  int32_t computeMajor = 0, computeMinor = 0;
  int32_t multiprocessors = 0;
  bool operator==(const Device&) const = default;
};

// Versions as dotted text; empty: not there.
struct CudaReport {
  std::string builtToolkit, builtNccl, builtNvtx;  // headers of the build
  std::string driverCuda, runNccl;                 // found now
  std::vector<Device> devices;
  std::string problem;  // why there are no devices; empty when there are some
};

struct RecorderReport {
  std::string path;  // for CUDA_INJECTION64_PATH
  std::string builtCupti, runCupti;
  std::string problem;  // why this machine cannot record; empty when it can
};

// Both look beside the program and in ../lib. kNotFound: this build has no CUDA.
Result<CudaReport> queryCuda();
Result<RecorderReport> queryRecorder();

// A function of libcaracal_cuda.so by name; kNotFound as above.
Result<void*> cudaModuleFunction(const char* name);

// 13000 -> "13.0"; 0 -> "".
std::string cudaVersionText(int32_t version);
// 22809 -> "2.28.9"; 0 -> "".
std::string ncclVersionText(int32_t version);
// CUPTI's API version, which names the CUDA release from 13.0 on: 130001 -> "13.0 (API 130001)",
// 24 -> "API 24"; 0 -> "". Source: NVIDIA's cupti_version.h.
std::string cuptiVersionText(int32_t version);

}  // namespace caracal::device
