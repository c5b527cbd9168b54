#include "core/recorder/overhead.h"

#include <algorithm>

namespace caracal::recorder {
namespace {

constexpr size_t kLeastSteps = 3;

int64_t medianOf(std::vector<int64_t> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

std::optional<Overhead> measuredOverhead(const std::vector<StepRecord>& starts) {
  const auto isOn = [](const StepRecord& step) { return step.collecting != 0; };
  const auto firstOn = std::find_if(starts.begin(), starts.end(), isOn);
  if (firstOn == starts.end()) return std::nullopt;
  const auto lastOn = std::find_if(starts.rbegin(), starts.rend(), isOn);
  const int64_t reach = std::count_if(starts.begin(), starts.end(), isOn);
  std::vector<int64_t> on, off;
  for (size_t i = 1; i + 1 < starts.size(); ++i) {
    const StepRecord& step = starts[i];
    const bool inReach = step.step >= firstOn->step - reach && step.step <= lastOn->step + reach;
    if (!inReach || isOn(starts[i - 1]) != isOn(step)) continue;
    (isOn(step) ? on : off).push_back(starts[i + 1].timeNs - step.timeNs);
  }
  if (on.size() < kLeastSteps || off.size() < kLeastSteps) return std::nullopt;
  Overhead overhead{medianOf(on), medianOf(off), static_cast<int64_t>(on.size()),
                    static_cast<int64_t>(off.size())};
  if (overhead.offNs <= 0) return std::nullopt;
  return overhead;
}

}  // namespace caracal::recorder
