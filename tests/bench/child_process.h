// Work in a process of its own, so that the most memory it took is its own too.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace caracal::bench {

struct ChildRun {
  std::string output;  // what it printed
  int64_t peakRssBytes = 0;
  double cpuSeconds = 0;  // of all its threads, in the program and in the kernel
};

// A copy of this process that runs `work` and prints what it returns. Nothing: it failed.
std::optional<ChildRun> runChild(const std::function<std::string()>& work);
// Another program, found in $PATH.
std::optional<ChildRun> runProgram(const std::vector<std::string>& command);

}  // namespace caracal::bench
