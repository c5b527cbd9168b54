// Opt's problem for one stage as an integer program for CBC: every layer has a policy of its own.
// Times are exact; rows for the memory of every layer's backward and of the top layer's forward
// leave some moments out.
#pragma once

#include <optional>
#include <vector>

#include "core/planner/stage_model.h"
#include "tests/support/integer_program.h"

namespace caracal::planner {

// A stage alone: one micro-batch in flight, kappa = rho = 1, one kind of layer. `model` must
// outlive it.
class ChainProgram {
 public:
  ChainProgram(const StageModel& model, int64_t budgetBytes);

  std::optional<std::vector<double>> solve() const;
  double valueOf(const std::vector<double>& solution) const;
  std::vector<plan::Placement> placementsOf(const std::vector<double>& solution,
                                            size_t layer) const;
  // Forbids these choices together; on demand is one, whichever place the program gave it.
  void cutOff(const std::vector<double>& solution);

 private:
  size_t chosen(size_t layer, size_t op, size_t place) const;
  size_t behind(size_t layer, size_t op, size_t place) const;
  size_t overflow(size_t layer, plan::WindowId window) const;
  const plan::OperatorLinks& links(size_t op) const {
    return m_graph.operators[static_cast<int16_t>(op)];
  }
  bool needed(size_t op) const { return links(op).firstReader >= 0; }
  bool readInMlp(size_t op) const;
  double ns(size_t op) const { return static_cast<double>(m_kind.operators[op].forwardNs); }
  double perMicroBatch() const { return static_cast<double>(m_model.microBatches()); }
  double keptBytes(size_t op) const;
  bool exists(size_t layer, size_t op, size_t place) const;

  void addOperator(size_t layer, size_t op);
  void addOrder(size_t layer, size_t op, size_t place);
  void addBehind(size_t layer);
  void addOverflows(size_t layer);
  void addMemory(size_t layer);
  void addForwardMemory();

  const StageModel& m_model;
  const profile::LayerKind& m_kind;
  const plan::LayerGraph& m_graph;
  size_t m_layers, m_operators;
  double m_roomBytes;
  size_t m_columns = 0;
  std::vector<double> m_objective, m_upper;
  std::vector<test::LinearRow> m_rows;
};

}  // namespace caracal::planner
