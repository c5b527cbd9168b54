// Console: where a verb of `caracal` writes, and how it learns that the user wants it to stop.
// Figures go to `out`, everything about the work itself (progress, warnings, errors) to `err`.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <ostream>
#include <stop_token>
#include <string_view>

#include "app/runs/watch.h"
#include "core/base/progress.h"

namespace caracal::cli {

// contracts.md section 5; scripts rely on them.
enum class ExitCode : int {
  kOk = 0,
  kFailed = 1,        // a file, a device or a program did not do its part
  kUsage = 2,         // the command line itself is wrong
  kGateFailed = 3,    // the answer is there and breaks a limit that the user set
  kCannotAnswer = 4,  // the input does not hold the answer, or no answer exists
};

enum class ProgressStyle : unsigned char { kNone, kLine };

struct Console {
  std::ostream& out;
  std::ostream& err;
  std::stop_token stop;                           // set when the user interrupts
  ProgressStyle progress = ProgressStyle::kNone;  // kLine when `err` is a terminal
};

// One JSON document and a newline on `out`.
void printJson(Console& console, const nlohmann::ordered_json& document);
// "caracal: text" on `err`.
void warn(Console& console, std::string_view text);
// Says what is wrong with the command line and returns kUsage.
ExitCode usageError(Console& console, std::string_view text);

// A progress line on `err` that redraws itself a few times a second and disappears with this
// object. callback() may be called from any thread; it must not outlive the object.
class ProgressLine {
 public:
  explicit ProgressLine(Console& console);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  Progress callback();

 private:
  struct State;
  std::shared_ptr<State> m_state;  // null when progress is not shown
};

// Work that is stopped with the console, moves the line and warns on `err`. Uses both by reference.
runs::Watch watchOf(Console& console, ProgressLine& line);

}  // namespace caracal::cli
