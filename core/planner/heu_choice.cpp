#include "core/planner/heu_choice.h"

namespace caracal::planner {

StageChoice heuChoice(const StageModel& model, const StageGaps& gaps, int64_t budgetBytes,
                      const MixStop& stop) {
  constexpr int64_t kNodes = 200'000;
  HeuPolicy found = searchHeu(model, gaps, {budgetBytes, HeuGoal::kLeastTime, kNodes}, stop);
  bool complete = found.complete;
  if (!found.found) {
    // Out of time, too: something must be returned.
    found = searchHeu(model, gaps, {kNoLimit, HeuGoal::kLeastMemory, kNodes}, {stop.token});
    complete &= found.complete;
  }
  StageChoice choice = choiceOf(model, found.policies);
  choice.fits = found.peakBytes <= budgetBytes;
  choice.complete = complete;
  return choice;
}

}  // namespace caracal::planner
