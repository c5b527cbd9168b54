// HEU's problem (planner.md section 3) as an integer program for CBC: one stage of one kind of
// layer, kappa = rho = 1, the same wait for every gradient. Exact in time and in memory: tests hold
// both to the simulator's.
#pragma once

#include <initializer_list>
#include <optional>
#include <vector>

#include "tests/core/planner/heu_columns.h"

namespace caracal::planner {

class HeuProgram {
 public:
  // REQUIRES what stageMoments() does.
  HeuProgram(const StageModel& model, int64_t gapNs, int64_t budgetBytes);

  struct Verdict {
    int64_t objectiveNs = 0;
    int64_t peakBytes = 0;
  };
  // Of placements as they are, without CBC. Nothing: the program forbids them, memory aside.
  std::optional<Verdict> judge(const std::vector<plan::Placement>& placements) const;

  // The cheapest placements that fit the budget. Rows for moments are added when a solution without
  // them does not fit. Nothing: none costs at most `mostNs`.
  std::optional<std::vector<plan::Placement>> solve(int64_t mostNs);

 private:
  using Sum = test::LinearSum;
  struct Hosted {
    Place place;
    bool alsoBehindOwn = false;  // own.bwd.mlp work of the layer above runs before it
  };

  double ns(int16_t op) const;
  void addOperator(int16_t op);
  void addOrder(int16_t op, Place at, LayerCase of);
  void addTop(int16_t op);
  void delayOnDemand(int16_t op, LayerCase of);
  void charge(int16_t op);
  size_t behindCollective(int16_t op, Hosted hosted, double weight);
  Sum hiddenNs(Hosted hosted, double weight);
  void addOverflow(double weight, Sum hidden, double capacity);
  void addWindows();
  void addWaits(double gapNs);
  double peakBytes(const std::vector<double>& values) const;
  bool addFullMoments(const std::vector<double>& values);
  double& objective(size_t column);

  const StageModel& m_model;
  const profile::LayerKind& m_kind;
  const plan::LayerGraph& m_graph;
  int64_t m_budgetBytes;
  double m_layers, m_steady, m_all;  // micro-batches with a next forward, and of the step
  HeuColumns m_columns;
  std::vector<double> m_objective;
  std::vector<test::LinearRow> m_rows;
  std::vector<Sum> m_moments;
};

}  // namespace caracal::planner
