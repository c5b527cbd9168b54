// The tables of one HEU search: variables, what each choice costs in time and memory, and lower
// bounds on both for partial assignments. Used by heu_search.cpp alone.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "core/planner/choice.h"
#include "core/planner/heu_search.h"
#include "core/planner/stage_model.h"

namespace caracal::planner {

// Moments at which memory is bounded from below: of the first backward, once the stage's top layer,
// and the one below it, are rebuilt for their MLP and for their attention segment; of the forward
// pass before it, the top layer's fullest operator, and the model's last end.
enum class Row : uint8_t { kTopMlp, kTopAttn, kSecondMlp, kSecondAttn, kForward, kEnd, kCount };
inline constexpr size_t kRowCount = static_cast<size_t>(Row::kCount);
using Rows = std::array<int64_t, kRowCount>;

struct Variable {
  int32_t kind = 0;
  int16_t op = 0;
  bool needed = false;
  bool collective = false;
  plan::Slot deadline = plan::Slot::kNone;  // by the backward that reads it first
  int64_t layers = 0;                       // that this decides for
  int64_t forwardNs = 0;
  // While there, and from forward to backward. Of a layer's output only what its own backward reads
  // is decided here; the output itself, outputBytes, is a checkpoint. 0 for other tensors.
  int64_t liveBytes = 0, retainedBytes = 0, outputBytes = 0;
  std::vector<Choice> recomputeChoices;    // whose windows exist; on demand is always possible
  std::array<Rows, kChoiceCount> bytes{};  // lower bound on what the choice holds at each row
  Rows lateSourceBytes{};  // beyond that when kept only for recomputations that run in backward
};

// What is rebuilt per layer of one kind, by slot.
struct SlotLoad {
  int64_t operatorNs = 0;
  int64_t collectiveNs = 0;

  int64_t totalNs() const { return operatorNs + collectiveNs; }
};
using KindLoad = std::array<SlotLoad, static_cast<size_t>(plan::Slot::kNone)>;

// What no window of this capacity hides of work beside its collective.
inline int64_t beyondNs(int64_t ns, int64_t capacityNs) {
  return std::max<int64_t>(0, ns - capacityNs);
}

class HeuProblem {
 public:
  HeuProblem(const StageModel& model, const StageGaps& gaps);

  // In the order of search: consumers before what they are made from.
  const std::vector<Variable>& variables() const { return m_variables; }
  const Rows& baseBytes() const { return m_baseBytes; }
  size_t variableOf(int32_t kind, int16_t op) const {
    return m_variableOf[static_cast<size_t>(kind)][static_cast<size_t>(op)];
  }

  // Lower bound on the bytes of a choice. `lastUse`: when the last recomputation from it runs.
  Rows bytesOf(const Variable& variable, Choice choice, plan::Slot lastUse) const;

  // Lower bound on the objective when `loads` is rebuilt, and at least moreNs beyond it per
  // micro-batch.
  int64_t leastTimeNs(const std::vector<KindLoad>& loads, int64_t moreNs) const;

  // Least further recomputation per micro-batch, were variables from `next` on to be decided so
  // that row `row` fits into budgetBytes; kNoLimit when it cannot.
  int64_t leastRecomputeNs(size_t next, size_t row, int64_t usedBytes, int64_t budgetBytes) const;

 private:
  void addVariables(int32_t kind);
  std::vector<Choice> recomputeChoices(int32_t kind) const;
  void setBytes(Variable& variable) const;
  void setForwardBytes(Variable& variable) const;
  void setForwardBase();
  void findFullestOperator();
  void listSavings();

  // A way to give up memory for time: rebuilding a needed tensor, and what is only made for it.
  struct Saving {
    size_t variable = 0;
    int64_t bytes = 0;
    int64_t recomputeNs = 0;  // over the layers
  };
  void addSavings(size_t variable, size_t row);
  std::vector<size_t> exclusiveSources(size_t variable) const;
  bool rebuiltOnlyInBackward() const {
    return m_model.steadyCount() == 0 && !m_model.shape().linkedAfter();
  }

  const StageModel& m_model;
  const StageGaps& m_gaps;
  int16_t m_fullestOperator = 0;  // of the top layer's forward pass
  std::vector<Variable> m_variables;
  std::vector<std::vector<size_t>> m_variableOf;  // [kind][operator]
  Rows m_baseBytes{};
  std::array<std::vector<Saving>, kRowCount> m_savings;  // most bytes per time first
  std::array<std::vector<int64_t>, kRowCount>
      m_retainedFrom;  // needed variables from i on, all retained
};

}  // namespace caracal::planner
