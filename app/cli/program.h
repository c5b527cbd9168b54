// The other programs of Caracal, started as processes: caracal-run and caracal-ui beside this one.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace caracal::cli {

// The path of a program that lies beside the running one, or on the PATH. kNotFound says where it
// was looked for.
Result<std::string> findProgram(const std::string& name);

struct ProgramCall {
  std::string path;
  std::vector<std::string> arguments;
  std::vector<std::string> environment;  // "NAME=value", added to this process's
};

// Runs it to its end and returns its exit code. `line` gets every line of its standard output; its
// standard error is this process's. A stop request is passed on as SIGINT, once: the program ends
// as it does for a user. Fails when it cannot be started or is ended by a signal.
Result<int> runProgram(const ProgramCall& call, const std::function<void(std::string_view)>& line,
                       std::stop_token stop);

}  // namespace caracal::cli
