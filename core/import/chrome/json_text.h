// Where JSON values end, for text that may be cut: no parsing, no checking of what is inside.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace caracal::import::chrome {

// The first position at or behind `at` that is no white space; text.size() when there is none.
size_t skipBlanks(std::string_view text, size_t at);
// Behind the closing quote of the string whose opening quote is at `at`; nothing when the text ends
// first.
std::optional<size_t> endOfString(std::string_view text, size_t at);
// Behind the value that begins at `at`: a string, a bracketed value, or a run of anything else up
// to a comma, bracket or blank. Nothing when the text ends inside a string or bracket.
std::optional<size_t> endOfValue(std::string_view text, size_t at);

}  // namespace caracal::import::chrome
