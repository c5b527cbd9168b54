// libcaracal_inject.so: loaded by the CUDA driver into the observed process when
// CUDA_INJECTION64_PATH names it. It must never end or slow that process: it throws nothing and
// writes at most one line.
#include <cstdio>

#include "profiler/recorder_status.h"

#define CARACAL_EXPORT extern "C" __attribute__((visibility("default")))

CARACAL_EXPORT void caracalRecorderStatus(caracal::device::CaracalRecorderStatus* status) noexcept {
  *status = caracal::profiler::recorderStatus();
}

// The driver's hook, called once before the first CUDA call. Returns 1 when the library is willing
// to record.
CARACAL_EXPORT int InitializeInjection() noexcept {
  const auto status = caracal::profiler::recorderStatus();
  if (status.problem[0] == '\0') return 1;
  std::fprintf(stderr, "caracal: nothing is recorded: %s\n", status.problem);
  return 0;
}
