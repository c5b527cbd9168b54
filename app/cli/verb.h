// Verb: one subcommand of `caracal`. A verb declares its options on a CLI11 command and hands back
// the work to do once they are parsed; one file a verb, one line each in the table of verbs.cpp.
#pragma once

#include <functional>
#include <vector>

#include "app/cli/console.h"
#include "core/base/result.h"

namespace CLI {
class App;
}

namespace caracal::cli {

// Prints its answer and returns an exit code, or an Error that run() reports.
using VerbRun = std::function<Result<ExitCode>(Console&)>;

struct Verb {
  const char* name;
  const char* summary;  // one line of `caracal --help`
  // Adds the options; the returned function owns what they were parsed into.
  VerbRun (*declare)(CLI::App& command);
};

// In the order of the loop: observe, understand, plan, predict, measure, export.
const std::vector<Verb>& verbs();

}  // namespace caracal::cli
