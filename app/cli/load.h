// What several verbs read first: traces, the table of communication names, the memory used so far.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/cli/console.h"
#include "core/analysis/comm_names.h"
#include "core/base/result.h"
#include "core/import/importer.h"

namespace caracal::cli {

// Loads with a progress line; inputs that had to be skipped, and losses that
// change figures (a cut file, missing tables, two inputs of one rank), are named on `err`.
Result<import::LoadResult> loadRun(const std::vector<std::string>& paths, Console& console,
                                   const import::LoadOptions& options = {});

// The table given by --comm-kernels, else the shipped one.
Result<analysis::CommNames> commNames(const std::string& path);

// The largest resident set of this process so far.
int64_t peakRssBytes();

}  // namespace caracal::cli
