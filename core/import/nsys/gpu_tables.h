// The tables of GPU activity: kernels, copies, sets, whole graphs; waits and events on streams.
#pragma once

#include "core/import/nsys/reading.h"

namespace caracal::import::nsys {

// Kernels, copies, sets and graphs. Makes the ranks: must run before every other reader.
Result<void> readGpuWork(Reading& reading);
// Waits, and recorded events: no work.
Result<void> readSynchronization(Reading& reading);
Result<void> readCudaEvents(Reading& reading);

}  // namespace caracal::import::nsys
