#include "core/import/chrome/chrome_event.h"

#include <algorithm>

#include "core/import/chrome/decimal.h"
#include "core/import/chrome/utf8_source.h"

namespace caracal::import::chrome {
namespace {

using trace::Defect;
using trace::ImportReport;

std::optional<uint32_t> hexAt(std::string_view text, size_t at) {
  if (at + 4 > text.size()) return std::nullopt;
  uint32_t value = 0;
  for (const char c : text.substr(at, 4)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return std::nullopt;
    value = value * 16 + static_cast<uint32_t>(digit);
  }
  return value;
}

// Resolves "\uXXXX", or a pair of them, whose 'u' is at `at`; moves `at` to the last byte used.
void appendEscapedUnit(std::string& to, std::string_view text, size_t& at) {
  const auto unit = hexAt(text, at + 1);
  if (!unit) {
    to += 'u';
    return;
  }
  at += 4;
  const bool high = *unit >= 0xD800 && *unit < 0xDC00;
  if (high && text.substr(at + 1, 2) == "\\u") {
    const auto low = hexAt(text, at + 3);
    if (low && *low >= 0xDC00 && *low < 0xE000) {
      at += 6;
      appendUtf8(to, 0x10000 + ((*unit - 0xD800) << 10) + (*low - 0xDC00));
      return;
    }
  }
  appendUtf8(to, *unit >= 0xD800 && *unit < 0xE000 ? 0xFFFD : *unit);
}

}  // namespace

std::string unescaped(std::string_view json) {
  if (json.empty() || json.front() != '"') return std::string(json);
  const std::string_view text = withoutQuotes(json);
  std::string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      result += text[i];
      continue;
    }
    switch (text[++i]) {
      case 'n':
        result += '\n';
        break;
      case 't':
        result += '\t';
        break;
      case 'r':
        result += '\r';
        break;
      case 'b':
        result += '\b';
        break;
      case 'f':
        result += '\f';
        break;
      case 'u':
        appendEscapedUnit(result, text, i);
        break;
      default:
        result += text[i];
    }
  }
  return result;
}

std::optional<int64_t> beginOf(const ChromeEvent& event, ImportReport& report) {
  const auto begin = nanosecondsOfMicroseconds(event.time);
  if (begin && *begin >= -kLatestNs && *begin <= kLatestNs) return begin;
  report.count(Defect::kMissingTimestamp);
  return std::nullopt;
}

std::optional<EventTime> timeOf(const ChromeEvent& event, ImportReport& report) {
  const auto begin = beginOf(event, report);
  if (!begin) return std::nullopt;
  if (event.duration.empty()) {
    report.count(Defect::kMissingDuration);
    return EventTime{*begin, 0};
  }
  const auto duration = nanosecondsOfMicroseconds(event.duration);
  if (!duration || *duration > kLatestNs - std::max<int64_t>(*begin, 0)) {
    report.count(Defect::kBadNumber);
    return EventTime{*begin, 0};
  }
  if (*duration < 0) {
    report.count(Defect::kNegativeDuration);
    return std::nullopt;
  }
  return EventTime{*begin, *duration};
}

}  // namespace caracal::import::chrome
