// WindowSearch: for given fates (fate_table.h) of a stage with one kind of layer, the windows that
// cost least and fit the budget. Early and late work share neither windows nor, at any one moment,
// memory that the other could change, so the best windows of either are found alone.
// Used by heu_search.cpp alone.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "core/planner/fate_search.h"
#include "core/planner/window_costs.h"

namespace caracal::planner {

class WindowSearch {
 public:
  // REQUIRES that the stage holds one kind of layer, and that all outlive this.
  WindowSearch(const HeuProblem& problem, const StageModel& model, const FateTable& table,
               WindowCosts& costs, int64_t budgetBytes);

  // Fates whose windows are being searched.
  struct Pending {
    // What windows not yet refused cost at least. Fates of which this is the least of all, and
    // whose cheapest windows fit, are the optimum.
    FateSearch::Bound least;

   private:
    friend class WindowSearch;
    struct Choices {
      std::vector<Assignment> list;  // by rising cost; at first none
      size_t next = 0;               // the ones before do not fit
      int64_t limitNs = 0;           // costs of those not listed yet, at least
      int64_t raiseNs = 0;
      int64_t leastNs() const { return next < list.size() ? list[next].costNs : limitNs; }
    };
    Fates fates;
    int64_t tailNs = 0;
    int64_t releasableBytes = 0;  // see WindowSearch::releasableBytes()
    Choices early, late;
    std::map<std::vector<bool>, bool> topFits;  // by the variables in own.bwd.mlp
  };
  Pending open(FateSearch::Found found);

  enum class Outcome : uint8_t { kFound, kNotYet, kNever };
  // Goes on with the cheapest windows not yet refused. kNotYet: they do not fit either, `least` has
  // grown; kNever: none fit.
  Outcome advance(Pending& pending, HeuPolicy& found);

  int64_t nodes() const { return m_judged * kNodesPerJudgement; }

 private:
  static constexpr int64_t kNodesPerJudgement = 30;  // as long as it takes

  int64_t releasableBytes(const Fates& fates) const;
  bool list(Work work, const Fates& fates, Pending::Choices& choices);
  bool topFits(Pending& pending, const Assignment& early, const Assignment& late);
  bool someTopFits(Pending& pending, size_t variable, const Assignment& early, Assignment& late);
  struct Judged {
    KindPolicies policies;
    ResolvedPolicies resolved;
    StagePeaks peaks;
  };
  Judged judge(const Fates& fates, const Assignment& early, const Assignment& late);

  const HeuProblem& m_problem;
  const StageModel& m_model;
  const FateTable& m_table;
  WindowCosts& m_costs;
  int64_t m_budgetBytes;
  int64_t m_judged = 0;
};

}  // namespace caracal::planner
