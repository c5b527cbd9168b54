// Programs and what they took.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace caracal::bench {

struct ChildRun {
  std::string output;  // what it printed
  int64_t peakRssBytes = 0;
  double cpuSeconds = 0;  // of all its threads, in the program and in the kernel
};

// Runs a program, found in $PATH. Nothing: it failed.
std::optional<ChildRun> runProgram(const std::vector<std::string>& command);

}  // namespace caracal::bench
