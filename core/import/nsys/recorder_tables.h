// What a recording of `caracal record` says of its process (docs/recorder-log.md).
#pragma once

#include "core/import/nsys/reading.h"

namespace caracal::import::nsys {

// The rank that the launcher gave the process, where the process has one rank, and the names of
// green contexts. After every reader of events.
Result<void> readRecordedProcess(Reading& reading);

}  // namespace caracal::import::nsys
