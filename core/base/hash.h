// A stable 64-bit name for a text: FNV-1a, the same on every machine and in every version. It tells
// documents apart; it is no protection against somebody who wants two to look alike.
#pragma once

#include <string>
#include <string_view>

namespace caracal {

std::string hash64(std::string_view text);  // 16 lower-case hex digits

}  // namespace caracal
