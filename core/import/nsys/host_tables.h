// The tables of host activity: CUDA API calls and the profiler's own cost.
#pragma once

#include "core/import/nsys/reading.h"

namespace caracal::import::nsys {

Result<void> readApiCalls(Reading& reading);
Result<void> readOverhead(Reading& reading);

}  // namespace caracal::import::nsys
