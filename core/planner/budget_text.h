// Memory budgets as people type them: "40GiB", "38.5 GB".
#pragma once

#include <cstdint>
#include <string>

#include "core/base/result.h"

namespace caracal::planner {

// Fails on what is no size, and on a small number without a unit: who types 40 does not mean 40
// bytes. Without a unit only bytes from 1 MiB on are taken.
Result<int64_t> parseBudget(const std::string& text);

}  // namespace caracal::planner
