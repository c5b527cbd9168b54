// Repairs JSON text that traces in the wild contain and no JSON parser takes: raw control
// characters, bad UTF-8 and bad escapes inside strings, NaN and Infinity for numbers.
#pragma once

#include <string>
#include <string_view>

namespace caracal::import::chrome {

struct RepairedJson {
  std::string text;
  bool repairedStrings = false;
  bool replacedNumbers = false;
};

// Bad bytes become U+FFFD, control characters a space, bad escapes keep their backslash as text
// ("C:\Users" stays that), NaN and Infinity become null. Brackets and commas are left alone.
RepairedJson repairJson(std::string_view text);

// NaN, Infinity, -Infinity in any spelling that JavaScript, Python or C print.
bool isNonFinite(std::string_view token);

}  // namespace caracal::import::chrome
