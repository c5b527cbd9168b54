// What recording costs: the same steps with collection on and off.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/recorder/log_format.h"

namespace caracal::recorder {

struct Overhead {
  int64_t onNs = 0, offNs = 0;  // medians of a step's duration
  int64_t onSteps = 0, offSteps = 0;
  double percent() const {
    return 100.0 * static_cast<double>(onNs - offNs) / static_cast<double>(offNs);
  }
};

// From the starts of steps in order. A step counts when the one before it was collected alike, so
// that the cost of switching is in neither; steps without collection count as far away from the
// collected ones as there are collected ones. Nothing when either side has fewer than 3 steps.
std::optional<Overhead> measuredOverhead(const std::vector<StepRecord>& starts);

}  // namespace caracal::recorder
