// The other programs of Caracal, started as processes: caracal-run and caracal-ui beside this one.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace caracal::runs {

// The path of a program that lies beside the running one, or on the PATH. kNotFound says where it
// was looked for.
Result<std::string> findProgram(const std::string& name);

struct ProgramCall {
  std::string path;
  std::vector<std::string> arguments;
  std::vector<std::string> environment;  // "NAME=value", added to this process's
  // How long it may take to end after a stop request before it is killed; none: as long as it does.
  std::optional<std::chrono::milliseconds> grace;
};

// Runs it to its end and returns its exit code. `line` gets every line of its standard output; its
// standard error is this process's. A stop request is passed on as SIGINT, once: the program ends
// as it does for a user, or is killed after its grace. Fails when it cannot be started or is ended
// by a signal.
Result<int> runProgram(const ProgramCall& call, const std::function<void(std::string_view)>& line,
                       std::stop_token stop);

}  // namespace caracal::runs
