// ChromeEvent: one entry of a Chrome-trace event array, as text. What the fields mean is the
// reader's business (core/import/kineto, core/import/pipeline). Views are valid during the sink's
// call only.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/trace/import_report.h"

namespace caracal::import::chrome {

// One member of "args". `value` is JSON text: strings keep their quotes and escapes.
struct Argument {
  std::string_view key;
  std::string_view value;
};

struct ChromeEvent {
  char phase = 0;             // 0: missing, or not one character
  std::string_view name;      // unescaped; empty: missing or null
  std::string_view category;  // as written, without quotes
  // Numbers as text, also when the file has them as strings; empty: missing or null.
  std::string_view time, duration, process, thread, id;
  std::span<const Argument> arguments;
  bool hasArguments = false;  // "args" is an object
};

using EventSink = std::function<void(const ChromeEvent&)>;

// JSON text of a scalar without its quotes, if it has any; "null" gives an empty text.
inline std::string_view withoutQuotes(std::string_view json) {
  if (json.size() >= 2 && json.front() == '"' && json.back() == '"')
    return json.substr(1, json.size() - 2);
  return json == "null" ? std::string_view() : json;
}
// The text of a JSON string with its escapes resolved; other JSON text as it is.
std::string unescaped(std::string_view json);
inline bool isContainer(std::string_view json) {
  return !json.empty() && (json[0] == '{' || json[0] == '[');
}

// Times further from zero than this (146 years) are no times; up to it, differences fit 64 bits.
inline constexpr int64_t kLatestNs = (int64_t{1} << 62) - 1;

// When an event is. Nothing: it has no usable time, or ends before it begins; the reason is
// counted.
struct EventTime {
  int64_t beginNs = 0;
  int64_t durationNs = 0;
};
std::optional<EventTime> timeOf(const ChromeEvent& event, trace::ImportReport& report);
// Begin alone, for phases without a duration.
std::optional<int64_t> beginOf(const ChromeEvent& event, trace::ImportReport& report);

}  // namespace caracal::import::chrome
