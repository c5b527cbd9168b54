#include "core/import/chrome/decimal.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace caracal::import::chrome {
namespace {

constexpr uint64_t kLargest = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());

bool isDigit(char c) {
  return c >= '0' && c <= '9';
}

// A number taken apart: the digits of `whole` and `fraction` with the point moved by `exponent`.
struct Parts {
  bool negative = false;
  std::string_view whole;
  std::string_view fraction;
  int exponent = 0;
};

std::string_view takeDigits(std::string_view& text) {
  size_t count = 0;
  while (count < text.size() && isDigit(text[count])) ++count;
  const std::string_view digits = text.substr(0, count);
  text.remove_prefix(count);
  return digits;
}

std::optional<Parts> partsOf(std::string_view text) {
  Parts parts;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    parts.negative = text[0] == '-';
    text.remove_prefix(1);
  }
  parts.whole = takeDigits(text);
  if (!text.empty() && text[0] == '.') {
    text.remove_prefix(1);
    parts.fraction = takeDigits(text);
  }
  if (parts.whole.empty() && parts.fraction.empty()) return std::nullopt;
  if (!text.empty() && (text[0] == 'e' || text[0] == 'E')) {
    text.remove_prefix(1);
    if (!text.empty() && text[0] == '+') text.remove_prefix(1);
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), parts.exponent);
    if (error != std::errc{} || std::abs(parts.exponent) > 1000) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
  }
  if (!text.empty()) return std::nullopt;
  return parts;
}

// Appends a digit; false when the number no longer fits 63 bits.
bool push(uint64_t& value, unsigned digit) {
  if (value > (kLargest - digit) / 10) return false;
  value = value * 10 + digit;
  return true;
}

}  // namespace

std::optional<int64_t> scaledDecimal(std::string_view text, int shift) {
  const auto parts = partsOf(text);
  if (!parts) return std::nullopt;
  const auto digits = static_cast<int64_t>(parts->whole.size() + parts->fraction.size());
  const int64_t point = static_cast<int64_t>(parts->whole.size()) + parts->exponent + shift;
  const auto digitAt = [&](int64_t i) {
    const auto at = static_cast<size_t>(i);
    const char c =
        at < parts->whole.size() ? parts->whole[at] : parts->fraction[at - parts->whole.size()];
    return static_cast<unsigned>(c - '0');
  };

  uint64_t magnitude = 0;
  for (int64_t i = 0; i < std::min(point, digits); ++i) {
    if (!push(magnitude, digitAt(i))) return std::nullopt;
  }
  for (int64_t i = digits; i < point && magnitude != 0; ++i) {
    if (!push(magnitude, 0)) return std::nullopt;
  }
  // What lies behind the point decides: half and more goes up, so for negative numbers only more
  // than half leads away from zero.
  if (point >= 0 && point < digits) {
    const unsigned tenths = digitAt(point);
    bool beyondHalf = tenths > 5;
    for (int64_t i = point + 1; tenths == 5 && !beyondHalf && i < digits; ++i)
      beyondHalf = digitAt(i) != 0;
    const bool away = parts->negative ? beyondHalf : tenths >= 5;
    if (away && magnitude == kLargest) return std::nullopt;
    magnitude += away ? 1 : 0;
  }
  const auto value = static_cast<int64_t>(magnitude);
  return parts->negative ? -value : value;
}

std::optional<uint64_t> unsignedInteger(std::string_view text) {
  int base = 10;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    text.remove_prefix(2);
    base = 16;
  }
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::optional<int64_t> signedInteger(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc{} && end == text.data() + text.size()) return value;
  if (text.size() > 2 && text[0] == '0') {  // hexadecimal
    const auto id = unsignedInteger(text);
    if (id && *id <= kLargest) return static_cast<int64_t>(*id);
  }
  return scaledDecimal(text, 0);  // "75.0", "1e3"
}

}  // namespace caracal::import::chrome
