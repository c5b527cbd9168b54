// Whether this machine can record: the CUPTI of the build beside the one found at run time.
#pragma once

#include "core/device/cuda_module.h"

namespace caracal::profiler {

// Loads the library that CARACAL_CUPTI names, else the one that cupti_api.h finds; starts nothing.
// Any thread.
device::CaracalRecorderStatus recorderStatus() noexcept;

}  // namespace caracal::profiler
