#include "app/cli/console.h"

#include <fmt/format.h>

#include <chrono>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

namespace caracal::cli {

void printJson(Console& console, const nlohmann::ordered_json& document) {
  // Names in traces may hold bytes that are no UTF-8; they are replaced, never a reason to fail.
  console.out << document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace)
              << '\n';
}

void warn(Console& console, std::string_view text) {
  console.err << "caracal: " << text << '\n';
}

ExitCode usageError(Console& console, std::string_view text) {
  warn(console, text);
  return ExitCode::kUsage;
}

struct ProgressLine::State {
  explicit State(std::ostream& stream) : err(stream) {}

  void show(double fraction, std::string_view phase) {
    using namespace std::chrono_literals;
    const std::lock_guard lock(mutex);
    const auto now = std::chrono::steady_clock::now();
    if (now - lastShown < 100ms) return;
    lastShown = now;
    shown = true;
    err << fmt::format("\r\033[K{:3.0f} %  {}", 100 * fraction, phase) << std::flush;
  }

  void clear() {
    const std::lock_guard lock(mutex);
    if (shown) err << "\r\033[K" << std::flush;
  }

  std::mutex mutex;  // guards everything below
  std::ostream& err;
  std::chrono::steady_clock::time_point lastShown;
  bool shown = false;
};

ProgressLine::ProgressLine(Console& console) {
  if (console.progress == ProgressStyle::kLine) m_state = std::make_shared<State>(console.err);
}

ProgressLine::~ProgressLine() {
  if (m_state) m_state->clear();
}

Progress ProgressLine::callback() {
  if (!m_state) return {};
  return
      [state = m_state](double fraction, std::string_view phase) { state->show(fraction, phase); };
}

runs::Watch watchOf(Console& console, ProgressLine& line) {
  return {console.stop, line.callback(),
          [&console](std::string_view words) { warn(console, words); }};
}

}  // namespace caracal::cli
