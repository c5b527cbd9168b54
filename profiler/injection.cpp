// libcaracal_inject.so: what the CUDA driver (CUDA_INJECTION64_PATH) and NVTX
// (NVTX_INJECTION64_PATH) call when they have loaded the library into the observed process.
#include "core/device/cuda_module.h"
#include "profiler/nvtx_hooks.h"
#include "profiler/recorder.h"
#include "profiler/recorder_status.h"

#define CARACAL_EXPORT extern "C" __attribute__((visibility("default")))

namespace {
constexpr int kAttached = 1;
}

CARACAL_EXPORT void caracalRecorderStatus(caracal::device::CaracalRecorderStatus* status) noexcept {
  *status = caracal::profiler::recorderStatus();
}

// The driver's hook, called once, inside cuInit.
CARACAL_EXPORT int InitializeInjection() noexcept {
  if (auto* const recorder = caracal::profiler::Recorder::startOnce()) recorder->startCupti();
  return kAttached;
}

// NVTX's hook, called once for each library that holds NVTX, at its first range.
CARACAL_EXPORT int InitializeInjectionNvtx2(NvtxGetExportTableFunc_t getExportTable) noexcept {
  caracal::profiler::Recorder::startOnce();
  return caracal::profiler::attachNvtx(getExportTable) ? kAttached : 0;
}

CARACAL_EXPORT int InitializeInjectionNvtxExtension(nvtxExtModuleInfo_t* module) noexcept {
  return caracal::profiler::attachNvtxExtension(module) ? kAttached : 0;
}
