#include "core/analysis/schedule_order.h"

#include <algorithm>

namespace caracal::analysis {
namespace {

using trace::Pass;

// "FFFBFBBB" of a stage; "" when it has passes of other kinds.
std::string orderOf(const StageStep& stage) {
  std::string order;
  for (const PassSpan& pass : stage.passes) {
    if (pass.pass == Pass::kForward)
      order += 'F';
    else if (pass.pass == Pass::kBackward)
      order += 'B';
    else
      return "";
  }
  return order;
}

std::string expectedOrder(int64_t leadingForwards, int64_t forwards) {
  const int64_t leading = std::min(leadingForwards, forwards);
  std::string order(static_cast<size_t>(leading), 'F');
  for (int64_t i = leading; i < forwards; ++i) order += "BF";
  return order + std::string(static_cast<size_t>(leading), 'B');
}

}  // namespace

std::string recognizeSchedule(const std::vector<const StageStep*>& stages, int32_t stageCount,
                              int32_t chunks) {
  bool oneForwardOneBackward = true;
  bool allForwardFirst = true;
  for (const StageStep* stage : stages) {
    const std::string order = orderOf(*stage);
    const int64_t forwards = std::count(order.begin(), order.end(), 'F');
    if (forwards == 0) return "unknown";
    const int64_t after = stageCount - stage->stage - 1;
    const int64_t leading =
        chunks > 1 ? 2 * after + int64_t{chunks - 1} * stageCount + 1 : after + 1;
    oneForwardOneBackward = oneForwardOneBackward && order == expectedOrder(leading, forwards);
    allForwardFirst = allForwardFirst && order == expectedOrder(forwards, forwards);
  }
  if (stages.empty()) return "unknown";
  if (oneForwardOneBackward) return chunks > 1 ? "interleaved 1F1B" : "1F1B";
  return allForwardFirst && chunks == 1 ? "GPipe" : "unknown";
}

}  // namespace caracal::analysis
