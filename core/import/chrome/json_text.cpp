#include "core/import/chrome/json_text.h"

namespace caracal::import::chrome {
namespace {

bool isBlank(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}
bool isOpening(char c) {
  return c == '{' || c == '[';
}
bool isClosing(char c) {
  return c == '}' || c == ']';
}

}  // namespace

size_t skipBlanks(std::string_view text, size_t at) {
  while (at < text.size() && isBlank(text[at])) ++at;
  return at;
}

std::optional<size_t> endOfString(std::string_view text, size_t at) {
  for (size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] == '"') return i + 1;
    if (text[i] == '\\') ++i;
  }
  return std::nullopt;
}

std::optional<size_t> endOfValue(std::string_view text, size_t at) {
  int depth = 0;
  for (size_t i = at; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      const auto end = endOfString(text, i);
      if (!end) return std::nullopt;
      if (depth == 0) return end;
      i = *end - 1;
    } else if (isOpening(c)) {
      ++depth;
    } else if (isClosing(c)) {
      if (depth == 0) return i;
      if (--depth == 0) return i + 1;
    } else if (depth == 0 && (c == ',' || isBlank(c))) {
      return i;
    }
  }
  return depth == 0 ? std::optional<size_t>(text.size()) : std::nullopt;
}

}  // namespace caracal::import::chrome
