// What a file says about itself beside its events: clock, host, devices, thread names, diagnostics.
#pragma once

#include "core/import/nsys/reading.h"

namespace caracal::import::nsys {

// Device and host names of every rank, names of threads, the profiler's own warnings, the versions.
// After all events, before TrackDirectory::finish().
Result<void> readTargetInfo(Reading& reading);

// Brings the events onto the Unix epoch, so that files line up: adds utcEpochNs to session times,
// unless they already are epoch times (EXPORT_PARAM_TIME_NORMALIZE; the magnitude decides when the
// flag is wrong). The shift is kept as meta "timeShiftNs".
void alignClock(Reading& reading);

}  // namespace caracal::import::nsys
