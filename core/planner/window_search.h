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

  // The top layer with some of its late work in own.bwd.mlp.
  struct Top {
    LayerTimeline timeline;
    bool fits = false;
  };

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
    // Of the first windows tried.
    std::vector<plan::Placement> placements;
    StagePeaks peaks;
    Choices early, late;
    std::map<std::vector<bool>, Top> tops;  // by the operators in own.bwd.mlp
  };
  Pending open(FateSearch::Found found);

  enum class Outcome : uint8_t { kFound, kNotYet, kNever };
  // Goes on with the cheapest windows not yet refused. kNotYet: they do not fit either, `least` has
  // grown; kNever: none fit.
  Outcome advance(Pending& pending, HeuPolicy& found);

  int64_t nodes() const { return m_judged * kNodesPerJudgement + m_timelines * kNodesPerTimeline; }

 private:
  // As long as each takes.
  static constexpr int64_t kNodesPerJudgement = 30, kNodesPerTimeline = 5;

  size_t operatorOf(size_t variable) const {
    return static_cast<size_t>(m_problem.variables()[variable].op);
  }
  int64_t releasableBytes(const Fates& fates) const;
  bool list(Work work, const Fates& fates, Pending::Choices& choices);
  const Top& top(Pending& pending, const Assignment& late);
  bool topFits(Pending& pending, const Assignment& late) { return top(pending, late).fits; }
  bool lateFits(Pending& pending, const Assignment& late);
  bool someTopFits(Pending& pending, size_t variable, Assignment& late);
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
  int64_t m_judged = 0, m_timelines = 0;
};

}  // namespace caracal::planner
