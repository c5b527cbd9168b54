// What a text begins with.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string_view>

namespace caracal {

inline bool startsWithOneOf(std::string_view text,
                            std::initializer_list<std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return text.starts_with(prefix); });
}

}  // namespace caracal
