// Passes that annotations name in words, and reading numbers off names. Part of
// annotation_names.cpp and step_names.cpp.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/analysis/annotation_names.h"

namespace caracal::analysis {

// "Forward stage 1 mb 3", "backward_step", "## forward ##". Nothing where any word is not known or
// a number too many: a name that merely looks alike is no evidence.
std::optional<AnnotationMeaning> passInWords(std::string_view text);

// Takes a number off the front of the text.
inline std::optional<int32_t> takeNumber(std::string_view& text) {
  int32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number < 0) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return number;
}

inline bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace caracal::analysis
