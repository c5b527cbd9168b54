#include "core/import/chrome/decimal.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>

namespace caracal::import::chrome {
namespace {

constexpr uint64_t kLargest = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());

static_assert(std::endian::native == std::endian::little, "eightDigits() reads digits as one word");

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

// Any number of decimal digits up to this fits 63 bits.
constexpr size_t kSafeDigits = 18;

// The value of eight digits that lie one behind the other in memory, all at once: pairs, then
// fours, then all are added up in the lanes of one word. Nothing when one of them is no digit.
std::optional<uint32_t> eightDigits(const char* text) {
  uint64_t word;
  std::memcpy(&word, text, sizeof(word));
  constexpr uint64_t kZeros = 0x3030303030303030u;
  // A digit has 3 in its high half, and also when 6 is added to it.
  if ((((word + 0x0606060606060606u) & word) & 0xF0F0F0F0F0F0F0F0u) != kZeros) return std::nullopt;
  word -= kZeros;
  word = (word * 10 + (word >> 8)) & 0x00FF00FF00FF00FFu;
  word = (word * 100 + (word >> 16)) & 0x0000FFFF0000FFFFu;
  return static_cast<uint32_t>(word * 10000 + (word >> 32));
}

// `value` with the digits of `text` behind its own; false when one is no digit. REQUIRES that the
// result has 19 digits at most.
bool appendDigits(std::string_view text, uint64_t& value) {
  for (; text.size() >= 8; text.remove_prefix(8)) {
    const auto digits = eightDigits(text.data());
    if (!digits) return false;
    value = value * 100'000'000 + *digits;
  }
  for (const char c : text) {
    if (!isDigit(c)) return false;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return true;
}

// Digits alone: what nearly all ids are.
std::optional<uint64_t> shortDigits(std::string_view text) {
  uint64_t value = 0;
  if (text.empty() || text.size() > kSafeDigits || !appendDigits(text, value)) return std::nullopt;
  return value;
}

constexpr int kDecimals = 3;

// "6322354308961.561", three digits behind the point as Kineto writes times, scaled by a thousand.
std::optional<int64_t> thousandths(std::string_view text) {
  // One digit more than is safe fits 64 bits, though not always 63.
  if (text.size() <= kDecimals + 1 || text.size() > kSafeDigits + 2) return std::nullopt;
  const size_t point = text.size() - kDecimals - 1;
  uint64_t value = 0;
  if (text[point] != '.' || !appendDigits(text.substr(0, point), value) ||
      !appendDigits(text.substr(point + 1), value) || value > kLargest) {
    return std::nullopt;
  }
  return static_cast<int64_t>(value);
}

}  // namespace

std::optional<int64_t> scaledDecimal(std::string_view text, int shift) {
  if (shift == kDecimals) {
    if (const auto exact = thousandths(text)) return exact;
    const auto whole = shortDigits(text);
    if (whole && *whole <= kLargest / 1000) return static_cast<int64_t>(*whole * 1000);
  }
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
  if (const auto value = shortDigits(text)) return value;
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
  if (const auto digits = shortDigits(text)) return static_cast<int64_t>(*digits);
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
