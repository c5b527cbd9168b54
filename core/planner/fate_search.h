// FateSearch: which tensors are kept, rebuilt early (`fwd.*`, `pipe`) or late (backward windows, on
// demand), best first. The windows themselves are chosen afterwards (heu_search.cpp): here all
// early work shares the forward windows and all late work the backward ones, which bounds what any
// choice of windows can reach. Used by heu_search.cpp alone.
#pragma once

#include <array>
#include <cstdint>
#include <queue>
#include <stop_token>
#include <vector>

#include "core/planner/heu_problem.h"
#include "core/planner/pooled_windows.h"

namespace caracal::planner {

enum class Fate : uint8_t {
  kAbsent,
  kKept,
  kEarly,
  kLate,     // by the layer's attention segment
  kLateMlp,  // by its MLP segment, which comes first
};
inline constexpr size_t kFateCount = 5;

class FateSearch {
 public:
  FateSearch(const HeuProblem& problem, const StageModel& model, const StageGaps& gaps,
             int64_t budgetBytes, std::stop_token stop);

  // What every policy with these fates costs at least; ordered by objective, then recomputation.
  struct Bound {
    int64_t objectiveNs = 0;
    int64_t recomputeNs = 0;  // per micro-batch
    auto operator<=>(const Bound&) const = default;
  };
  struct Fates {
    std::vector<Fate> of;  // per variable
    Bound bound;
  };

  // Complete fates in the order of their bounds, none below the ones before. False: none is left,
  // or `nodeLimit` or a stop was reached (stopped()).
  bool next(int64_t nodeLimit, Fates& fates);
  bool stopped() const { return m_stopped; }
  // Least bytes that a variable of this fate holds at each row.
  const Rows& bytes(size_t variable, Fate fate) const {
    return m_bytes[variable][static_cast<size_t>(fate)];
  }
  int64_t nodes() const { return static_cast<int64_t>(m_nodes.size()); }

 private:
  static constexpr size_t kDuals = 3;  // two for the objective, the last for recomputation
  // By when a tensor must be there.
  enum Level : uint8_t { kNotAsked, kAskedLate, kAskedMlp, kAskedEarly, kLevels };

  // Multipliers of memory and of the pooled windows; with them every tensor can be priced alone.
  struct Dual {
    Row row = Row::kTopMlp;
    double perByte = 0;
    double perEarlyNs = 0, perLateNs = 0, perLateCollectiveNs = 0;
    double earlyConstant = 0, lateConstant = 0;
    double constant() const { return earlyConstant + lateConstant; }
  };
  using Prices = std::array<double, kLevels>;

  struct Node {
    int32_t parent = -1;
    uint16_t depth = 0;  // variables decided
    Fate fate = Fate::kAbsent;
    Bound bound;
    Rows bytes{};
    PooledWork work;
    int64_t recomputeNs = 0;
    std::array<double, kDuals> price{};
  };

  double price(const Dual& dual, size_t variable, Fate fate) const;
  // Least price of each undecided variable with what is only made for it; returns their sum.
  double priceAll(const Dual& dual, std::vector<Prices>& prices) const;
  double valueOf(const Dual& dual);
  Dual bestDual(Row row);
  Dual leastRecompute(Row row);
  void maximise(Dual& dual, double& value, double Dual::*of, double most);
  void maximiseEarly(Dual& dual, double& value);
  double memoryConstant(const Dual& dual) const;
  double steepestPerByte(Row row, double perNs) const;
  void chooseDuals();

  void expand(int32_t index);
  void push(const Node& from, int32_t parent, size_t variable, Fate fate, Level level);
  Level levelOf(size_t variable) const;
  static Level asked(Fate fate);
  Rows bytesOf(size_t variable, Fate fate) const;
  void readFates(int32_t index);

  const HeuProblem& m_problem;
  int64_t m_budgetBytes;
  std::stop_token m_stop;
  PooledWindows m_windows;
  std::vector<std::vector<size_t>> m_inputs, m_consumers;  // per variable
  std::vector<bool> m_early;                               // may be rebuilt early
  std::vector<std::array<Rows, kFateCount>> m_bytes;       // [variable][fate]
  std::vector<Rows> m_leastBytesFrom;                      // of the variables from i on
  std::array<Dual, kDuals> m_duals;
  std::array<std::vector<Prices>, kDuals> m_prices;
  std::vector<Prices> m_scratch;
  std::vector<Fate> m_fates;  // of the node at hand
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
