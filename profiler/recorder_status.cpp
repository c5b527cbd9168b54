#include "profiler/recorder_status.h"

#include <cstdio>
#include <cstdlib>

#include "profiler/cupti_api.h"

namespace caracal::profiler {

device::CaracalRecorderStatus recorderStatus() noexcept {
  device::CaracalRecorderStatus status{};
  status.moduleVersion = device::kCudaModuleVersion;
  status.builtCupti = CUPTI_API_VERSION;
  const char* const path = std::getenv("CARACAL_CUPTI");
  const CuptiFound found = loadCupti(path ? path : "");
  status.runCupti = static_cast<int32_t>(found.version);
  std::snprintf(status.problem, sizeof status.problem, "%s", found.problem.c_str());
  return status;
}

}  // namespace caracal::profiler
