// PyTorch Kineto traces, and any other Chrome-trace JSON: one file is one rank (docs of the format:
// categories.h, arguments.h). Times are absolute: baseTimeNanoseconds is added to every `ts`.
#pragma once

#include <memory>

#include "core/import/importer.h"

namespace caracal::import::kineto {

std::unique_ptr<Importer> makeKinetoImporter();

}  // namespace caracal::import::kineto
