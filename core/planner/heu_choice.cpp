#include "core/planner/heu_choice.h"

namespace caracal::planner {

StageChoice heuChoice(const StageModel& model, const StageGaps& gaps, int64_t budgetBytes,
                      const std::stop_token& stop) {
  constexpr int64_t kNodes = 200'000;
  HeuPolicy found = searchHeu(model, gaps, {budgetBytes, HeuGoal::kLeastTime, kNodes}, stop);
  const bool fits = found.found;
  if (!fits) found = searchHeu(model, gaps, {kNoLimit, HeuGoal::kLeastMemory, kNodes}, stop);
  StageChoice choice = choiceOf(model, found.policies);
  choice.fits = fits;
  choice.complete = found.complete;
  return choice;
}

}  // namespace caracal::planner
