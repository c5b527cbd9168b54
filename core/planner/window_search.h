// WindowSearch: for given fates (fate_search.h) of a stage with one kind of layer, the windows that
// cost least and fit the budget. Early and late work share neither windows nor, at any one moment,
// memory that the other could change, so the best windows of either are found alone.
// Used by heu_search.cpp alone.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "core/planner/fate_search.h"

namespace caracal::planner {

class WindowSearch {
 public:
  // REQUIRES that the stage holds one kind of layer.
  WindowSearch(const HeuProblem& problem, const StageModel& model, const StageGaps& gaps,
               int64_t budgetBytes);

  // Fates on whose windows the search goes on, with higher limits each time.
  struct Pending {
    FateSearch::Fates fates;
    size_t early = 0, late = 0;                 // assignments that did not fit, cheapest first
    std::map<std::vector<bool>, bool> topFits;  // by the variables in own.bwd.mlp
  };
  enum class Outcome : uint8_t { kFound, kNotYet, kNever };
  // Looks for windows with a cost below `limit`. kNotYet: there are none that fit; kNever: nor with
  // any other limit. Ties go to late places.
  Outcome search(Pending& pending, FateSearch::Bound limit, HeuPolicy& found);

  int64_t nodes() const { return m_nodes; }

 private:
  using Slots = std::vector<plan::Slot>;  // per variable; kNone: not part of the assignment
  struct Assignment {
    int64_t costNs = 0;
    int64_t lateness = 0;
    Slots slots;
  };
  // Operator and collective time of an assignment per slot, per layer.
  using Loads = KindLoad;

  std::vector<Assignment> assignments(Fate fate, int64_t limitNs);
  void assign(Fate fate, size_t variable, int64_t limitNs, std::vector<Assignment>& list);
  plan::Slot deadlineOf(Fate fate, size_t variable) const;
  int64_t leastCost(Fate fate) const;
  int64_t earlyCost() const;
  int64_t lateCost() const;
  int64_t overflowNs(plan::WindowId window, std::initializer_list<plan::Slot> slots) const;

  bool ofFate(Fate fate, size_t variable) const {
    return m_fates[variable] == fate || (fate == Fate::kLate && m_fates[variable] > fate);
  }
  bool topFits(Pending& pending, const Assignment& early, const Assignment& late) const;
  bool someTopFits(Pending& pending, size_t variable, const Assignment& early,
                   Assignment& late) const;
  struct Judged {
    KindPolicies policies;
    ResolvedPolicies resolved;
    StagePeaks peaks;
  };
  Judged judge(const Assignment& early, const Assignment& late) const;

  const HeuProblem& m_problem;
  const StageModel& m_model;
  const StageGaps& m_gaps;
  int64_t m_budgetBytes;
  int32_t m_kind = 0;
  int64_t m_layers = 0;
  std::vector<std::vector<size_t>> m_consumers;  // per variable
  std::vector<Fate> m_fates;
  Slots m_slots;  // being assigned
  Loads m_loads{};
  int64_t m_restNs = 0;  // of operators not assigned yet, per layer
  int64_t m_nodes = 0;
};

}  // namespace caracal::planner
