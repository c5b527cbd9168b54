// The `caracal` program as a function, so that tests can call it.
#pragma once

#include <string>
#include <vector>

#include "app/cli/console.h"
#include "core/base/result.h"

namespace caracal::cli {

// `arguments` without the program's name. Never throws; returns the process's exit code.
ExitCode run(const std::vector<std::string>& arguments, Console& console);

// Which exit code an error becomes.
ExitCode exitCodeOf(ErrorCode code);

}  // namespace caracal::cli
