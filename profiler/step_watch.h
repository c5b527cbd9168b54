// Finds training steps in the NVTX ranges of a process.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace caracal::profiler {

// Thread-safe. Of several kinds of marks in one process the first that is met counts.
class StepWatch {
 public:
  explicit StepWatch(std::string marker) : m_marker(std::move(marker)) {}

  // The number of the step that a range with this label begins. Steps only go up: a label that
  // another thread has brought already begins nothing.
  std::optional<int64_t> stepBegunBy(std::string_view label, bool isCaracalDomain);

 private:
  enum class Source : uint8_t { kNone, kMarker, kCaracal, kPyTorch };
  struct Mark {
    Source source = Source::kNone;
    int64_t number = 0;
  };
  Mark markIn(std::string_view label, bool isCaracalDomain) const;

  const std::string m_marker;
  std::mutex m_mutex;  // guards the two below
  Source m_source = Source::kNone;
  int64_t m_last = -1;
};

}  // namespace caracal::profiler
