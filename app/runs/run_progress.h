// What caracal-run says on its standard output, one JSON object a line (docs/caracal-run.md,
// "Progress").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace caracal::runs {

struct RunStart {
  std::string clock, tag, policy;
  int32_t ranks = 0;
  int32_t steps = 0;
};

struct RunStep {
  int32_t step = 0;  // from 0
  double loss = 0;   // nats per byte
  int64_t stepNs = 0;
  int64_t peakBytes = 0;               // largest rank since the run began
  std::vector<int64_t> rankPeakBytes;  // by rank, of this step
};

struct RunWarning {
  std::string message;
};

struct RunEnd {
  int32_t steps = 0;
  bool stoppedBySignal = false;
};

struct RunError {
  std::string message;
};

// monostate: a line that is no event, or one of a newer version.
using RunEvent = std::variant<std::monostate, RunStart, RunStep, RunWarning, RunEnd, RunError>;

RunEvent parseRunLine(std::string_view line);

// "step 2 of 5, loss 4.500"
std::string stepWords(const RunStep& step, int32_t steps);

}  // namespace caracal::runs
