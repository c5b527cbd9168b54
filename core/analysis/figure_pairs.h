// Two runs figure by figure: what `compare` and `measure` print and the measure panel shows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/analysis/run_summary.h"

namespace caracal::analysis {

enum class FigureUnit : uint8_t { kNs, kBytes };

struct FigurePair {
  int32_t stage = -1;      // -1: of the whole step
  std::string_view label;  // "forward", "peak memory", ...
  FigureUnit unit = FigureUnit::kNs;
  int64_t first = 0, second = 0;
};

// Step and pipeline window, then every stage that both have. Figures that are 0 in both are left
// out, except the step.
std::vector<FigurePair> figurePairs(const RunSummary& first, const RunSummary& second);

// "12.3 ms", "1.50 GiB".
std::string figureText(FigureUnit unit, int64_t value);

}  // namespace caracal::analysis
