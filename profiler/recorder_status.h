// Whether this machine can record: the CUPTI of the build beside the one found at run time.
#pragma once

#include "core/device/cuda_module.h"

namespace caracal::profiler {

// Loads libcupti, starts nothing. Any thread, no exceptions.
device::CaracalRecorderStatus recorderStatus() noexcept;

}  // namespace caracal::profiler
