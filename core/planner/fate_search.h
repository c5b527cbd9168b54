// FateSearch: the fates of a stage's tensors (fate_table.h), best first. The windows themselves are
// chosen afterwards (heu_search.cpp): here all early work shares the forward windows and all late
// work the backward ones, which bounds what any choice of windows can reach. Used by heu_search.cpp
// alone.
#pragma once

#include <array>
#include <cstdint>
#include <queue>
#include <vector>

#include "core/planner/fate_prices.h"
#include "core/planner/fate_table.h"
#include "core/planner/pooled_windows.h"
#include "core/planner/rebuild_moments.h"
#include "core/planner/window_costs.h"

namespace caracal::planner {

class FateSearch {
 public:
  // `costs`: of the stage's windows, where it holds one kind of layer; else null. REQUIRES that it
  // outlives this.
  FateSearch(const HeuProblem& problem, const StageModel& model, const StageGaps& gaps,
             int64_t budgetBytes, WindowCosts* costs, MixStop stop);

  // What every policy with these fates costs at least; ordered by objective, then recomputation.
  struct Bound {
    int64_t objectiveNs = 0;
    int64_t recomputeNs = 0;  // per micro-batch
    auto operator<=>(const Bound&) const = default;
  };
  struct Found {
    Fates fates;
    Bound bound;
  };

  // Complete fates in the order of their bounds, none below the ones before. False: none is left,
  // or `nodeLimit` or a stop was reached (stopped()).
  bool next(int64_t nodeLimit, Found& found);
  bool stopped() const { return m_stopped; }
  const FateTable& table() const { return m_table; }
  int64_t nodes() const { return static_cast<int64_t>(m_nodes.size()); }

 private:
  struct Node {
    int32_t parent = -1;
    uint16_t depth = 0;  // variables decided
    Fate fate = Fate::kAbsent;
    Bound bound;
    Rows bytes{};
    PooledWork work;
    std::array<int64_t, 2> pooledNs{};  // by Work: were all its windows one
    std::array<int64_t, 2> pairNs{};    // the dearest two tensors' windows
    int64_t recomputeNs = 0;
    FatePrices::Sums price{};
  };

  void expand(int32_t index);
  void push(const Node& from, int32_t parent, size_t variable, Fate fate);
  bool fits(const Node& node);
  int64_t dearestPairNs(Work work, size_t variable);
  void readFates(int32_t index);

  FateTable m_table;
  int64_t m_budgetBytes;
  MixStop m_stop;
  PooledWindows m_windows;
  WindowCosts* m_costs;
  FatePrices m_prices;
  RebuildMoments m_moments;
  // By Work and two variables, or one twice; -1: not known yet.
  std::array<std::vector<int64_t>, 2> m_pairNs;
  std::vector<Rows> m_leastBytesFrom;  // of the variables from i on
  Fates m_fates;                       // of the node at hand
  std::vector<Node> m_nodes;
  struct Queued {
    Bound bound;
    uint16_t depth;
    int32_t node;
    bool operator<(const Queued& o) const {  // the queue pops the greatest
      if (bound != o.bound) return o.bound < bound;
      return depth != o.depth ? depth < o.depth : o.node < node;
    }
  };
  std::priority_queue<Queued> m_queue;
  int64_t m_polls = 0;
  bool m_stopped = false;
};

}  // namespace caracal::planner
