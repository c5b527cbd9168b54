// The contract between programs and the two libraries that hold everything CUDA: plain C types, so
// that both can be loaded with dlopen on a machine without a driver and answer in words.
// libcaracal_cuda.so (runtime/cuda) knows devices and NCCL; libcaracal_inject.so (profiler) is
// loaded into the observed process by the driver through CUDA_INJECTION64_PATH and knows CUPTI.
// devices.h asks both.
#pragma once

#include <cstdint>

namespace caracal::device {

inline constexpr int32_t kCudaModuleVersion = 1;
inline constexpr const char* kCudaModuleFile = "libcaracal_cuda.so";
inline constexpr const char* kCudaModuleEntry = "caracalCudaQuery";
inline constexpr const char* kRecorderFile = "libcaracal_inject.so";
inline constexpr const char* kRecorderEntry = "caracalRecorderStatus";
inline constexpr int32_t kMaxModuleDevices = 64;

extern "C" {

struct CaracalCudaDevice {
  char name[128];
  int64_t totalBytes;
  int32_t computeMajor;
  int32_t computeMinor;
  int32_t multiprocessors;
};

// Versions are as the libraries give them (13000, 22809); 0: not there. `problem` says in words why
// there are no devices; empty when there are some.
struct CaracalCudaReport {
  int32_t moduleVersion;
  int32_t builtToolkit, builtNccl, builtNvtx;  // headers the module was compiled with
  int32_t driverCuda;                          // newest CUDA the driver supports
  int32_t runNccl;                             // library found at run time
  int32_t deviceCount;
  struct CaracalCudaDevice devices[kMaxModuleDevices];
  char problem[256];
};

// Fills the report; never fails, never throws, may be called from any thread.
typedef void (*CaracalCudaQuery)(struct CaracalCudaReport* report);

// `problem` says why this machine cannot record; empty when it can.
struct CaracalRecorderStatus {
  int32_t moduleVersion;
  int32_t builtCupti;  // header the recorder was compiled with
  int32_t runCupti;    // library found at run time
  char problem[256];
};

typedef void (*CaracalRecorderQuery)(struct CaracalRecorderStatus* status);

}  // extern "C"

}  // namespace caracal::device
