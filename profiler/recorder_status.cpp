#include "profiler/recorder_status.h"

#include <cupti_version.h>
#include <dlfcn.h>

#include <cstdio>

namespace caracal::profiler {
namespace {

// CUPTI numbers its versions by the toolkit: 130001 is 13.0 Update 1. A recorder works with a CUPTI
// of its own major version.
constexpr int kMajorFactor = 10000;

int foundCupti() noexcept {
  char versioned[32];
  std::snprintf(versioned, sizeof versioned, "libcupti.so.%d", CUPTI_API_VERSION / kMajorFactor);
  void* library = ::dlopen(versioned, RTLD_NOW | RTLD_LOCAL);
  if (!library) library = ::dlopen("libcupti.so", RTLD_NOW | RTLD_LOCAL);
  if (!library) return 0;
  const auto get =
      reinterpret_cast<CUptiResult (*)(uint32_t*)>(::dlsym(library, "cuptiGetVersion"));
  uint32_t version = 0;
  return get && get(&version) == CUPTI_SUCCESS ? static_cast<int>(version) : 0;
}

}  // namespace

device::CaracalRecorderStatus recorderStatus() noexcept {
  device::CaracalRecorderStatus status{};
  status.moduleVersion = device::kCudaModuleVersion;
  status.builtCupti = CUPTI_API_VERSION;
  status.runCupti = foundCupti();
  if (status.runCupti == 0) {
    std::snprintf(status.problem, sizeof status.problem,
                  "libcupti.so.%d is not found; add CUDA's lib folder to the library path",
                  CUPTI_API_VERSION / kMajorFactor);
  } else if (status.runCupti / kMajorFactor != status.builtCupti / kMajorFactor) {
    std::snprintf(status.problem, sizeof status.problem,
                  "CUPTI %d is found, the recorder was built for %d", status.runCupti,
                  status.builtCupti);
  }
  return status;
}

}  // namespace caracal::profiler
