// Selective checkpointing by operators under a memory budget, as PyTorch's SAC planner chooses
// (torch/distributed/_tools/sac_ilp.py, get_optimal_checkpointing_policy_per_module): inside a
// checkpointed module each operator's output is saved or computed again, so that the saved bytes
// stay within a budget and as much running time as possible is not repeated. Peaks, dependencies
// and communication play no part: that is what this baseline leaves to be gained.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/planner/stage_choice.h"
#include "core/planner/stage_model.h"
#include "core/profile/profile.h"

namespace caracal::planner {

struct BudgetOperator {
  int64_t runtimeNs = 0;
  int64_t bytes = 0;       // of its output
  bool view = false;       // always computed again
  bool random = false;     // see RandomRule
  int32_t inPlaceOf = -1;  // the operator whose output it overwrites: same choice as that one;
                           // itself: the first of such a chain, always saved; -1: not in place
};

enum class RandomRule : uint8_t { kSaved, kAllOrNone };

struct OperatorSelection {
  std::vector<bool> saved;  // per operator
  int64_t bytes = 0;        // saved
  int64_t runtimeNs = 0;    // not repeated
  bool operator==(const OperatorSelection&) const = default;
};

// Every selection that is best for some budget, by ascending bytes (and ascending runtime). Empty
// when the rules contradict each other: an in-place chain that starts with a view.
std::vector<OperatorSelection> operatorSelections(const std::vector<BudgetOperator>& operators,
                                                  RandomRule random);

// The best within the budget; nothing when what has to be saved exceeds it.
std::optional<OperatorSelection> selectOperators(const std::vector<BudgetOperator>& operators,
                                                 int64_t budgetBytes, RandomRule random);

// The policy `knapsack` for layers of one kind: what the selections make of its tensors. All that
// is not saved runs again, in order, up to the last tensor that backward needs. Caracal's dropout
// draws from counters, so no operator counts as random.
class OperatorBudgetPolicy {
 public:
  explicit OperatorBudgetPolicy(const profile::Profile& profile);

  // One fraction of the saveable bytes for all kinds, as torch's memory_budget: the largest whose
  // exact peak fits.
  StageChoice solve(const StageModel& model, int64_t budgetBytes) const;

  // The fractions at which some kind's selection changes, ascending, and what is selected there.
  const std::vector<double>& fractions() const { return m_fractions; }
  KindPolicies policiesAt(double fraction) const;

 private:
  struct KindSelections {
    int64_t totalBytes = 0;
    std::vector<int64_t> bytes;                            // ascending
    std::vector<std::vector<plan::Placement>> placements;  // aligned with bytes
  };

  std::vector<KindSelections> m_kinds;
  std::vector<double> m_fractions;
};

}  // namespace caracal::planner
