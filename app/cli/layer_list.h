// Layer counts as people type them: "4,4,3,3".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace caracal::cli {

// Empty text: an empty list. Fails on anything that is not positive numbers between commas.
Result<std::vector<int32_t>> parseLayerList(const std::string& text);

}  // namespace caracal::cli
