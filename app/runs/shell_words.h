// Commands as people type them into a shell: words into text that a POSIX shell reads as the same
// words, and back.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace caracal::runs {

// Words that hold anything but plain characters are quoted.
std::string shellText(const std::vector<std::string>& words);

// Understands blanks, '...', "..." and backslashes. What only a shell can do (pipes, redirections,
// variables, several commands) is refused with the advice to use `sh -c '...'`.
Result<std::vector<std::string>> shellWords(std::string_view text);

}  // namespace caracal::runs
