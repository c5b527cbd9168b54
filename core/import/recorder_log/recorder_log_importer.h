// Logs that nobody converted, because `caracal record` was killed with the job: converted on the
// fly and read as the recordings they would have become.
#pragma once

#include <memory>

#include "core/import/importer.h"

namespace caracal::import::recorder_log {

std::unique_ptr<Importer> makeRecorderLogImporter();

}  // namespace caracal::import::recorder_log
