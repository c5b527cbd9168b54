// A command that is run in the foreground for its own sake, while something watches: it keeps this
// process's terminal, input and output, and gets its signals.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/base/result.h"

namespace caracal::cli {

struct CommandStatus {
  int exitCode = 0;  // as a shell gives it: 128 + signal when a signal ended it
  int signal = 0;    // 0: it ended by itself
};

// Runs `words` (looked up on the PATH) to its end with these variables added to the environment.
// SIGINT and SIGTERM that are sent to this process are passed on, each time. Fails when the command
// cannot be started.
Result<CommandStatus> runObserved(const std::vector<std::string>& words,
                                  const std::vector<std::pair<std::string, std::string>>& added);

}  // namespace caracal::cli
