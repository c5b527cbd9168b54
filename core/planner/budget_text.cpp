#include "core/planner/budget_text.h"

#include <algorithm>
#include <cctype>

#include "core/base/format.h"

namespace caracal::planner {

Result<int64_t> parseBudget(const std::string& text) {
  constexpr int64_t kMiB = int64_t{1} << 20;
  const int64_t bytes = parseBytes(text);
  if (bytes <= 0) {
    return fail(ErrorCode::kInvalidInput, "'{}' is not a size such as 40GiB or 800MB", text);
  }
  const bool hasUnit = std::any_of(text.begin(), text.end(), [](unsigned char letter) {
    return std::isalpha(letter) && letter != 'e' && letter != 'E';
  });
  if (!hasUnit && bytes < kMiB) {
    return fail(
        ErrorCode::kInvalidInput,
        "a budget of '{}' has no unit and would be {}; write {}GiB, or {}B if you mean bytes", text,
        formatBytes(bytes), text, text);
  }
  return bytes;
}

}  // namespace caracal::planner
