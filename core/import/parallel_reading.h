// The files of a run read side by side, each into a packed builder of its own.
#pragma once

#include <stop_token>
#include <vector>

#include "core/base/progress.h"
#include "core/base/result.h"
#include "core/import/importer.h"
#include "core/import/input_files.h"

namespace caracal::import {

// One result a file, in their order. A file that cannot be read, or that there is no memory for, is
// an error of its own; all that are left are kCancelled when stopped.
std::vector<Result<trace::TraceBuilder>> readAll(const std::vector<InputFile>& files,
                                                 const LoadOptions& options,
                                                 const std::stop_token& stop,
                                                 const Progress& progress);

}  // namespace caracal::import
