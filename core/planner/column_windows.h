// ColumnWindows: the cheapest windows for what a layer rebuilds, were the layers around it to do
// the same. Used by layer_columns.cpp alone.
#pragma once

#include <cstdint>
#include <vector>

#include "core/planner/heu_problem.h"
#include "core/planner/stage_model.h"

namespace caracal::planner {

enum class LayerRole : uint8_t { kTop, kBelow };  // the stage's top layer has no prev.* windows

// What shared time costs a layer, per step and nanosecond of work in a micro-batch.
struct ColumnPrices {
  int64_t pipe = 0;      // in `pipe`, micro-batches with a next forward
  int64_t pipeTail = 0;  // early work of the last micro-batches
};

enum class ColumnFate : uint8_t { kAbsent, kKept, kEarly, kLate };

class ColumnWindows {
 public:
  // REQUIRES a kind that the stage holds, and that `model` outlives this.
  ColumnWindows(const StageModel& model, int32_t kind, LayerRole role, const ColumnPrices& prices);

  bool hasPipe() const { return m_hasPipe; }
  bool mayBeEarly() const;

  // Least costs of so much work per micro-batch in any windows, as one pool; per step.
  int64_t leastEarlyNs(int64_t workNs) const;
  int64_t leastLateNs(int64_t workNs, int64_t collectivesNs) const;

  struct Places {
    int64_t costNs = kNoLimit;  // ColumnPrices::pipeTail aside
    int64_t lateness = 0;
    std::vector<plan::Slot> slots;  // per operator; kNone: other work
  };
  // For all work of a fate, kEarly or kLate, of layers with these fates: the best of so many tries
  // that most layers never need them all.
  Places placesFor(ColumnFate fate, const std::vector<ColumnFate>& fates);

 private:
  int64_t ns(plan::Slot slot) const { return m_loads[static_cast<size_t>(slot)].operatorNs; }
  int64_t collectiveNs(plan::Slot slot) const {
    return m_loads[static_cast<size_t>(slot)].collectiveNs;
  }
  int64_t forwardNs(int16_t index) const {
    return m_operators[static_cast<size_t>(index)].forwardNs;
  }
  bool needed(int16_t index) const { return m_graph.operators[index].firstReader >= 0; }
  bool hasForward(plan::WindowId id) const { return m_steady > 0 && m_graph.hasHost(id); }
  bool hasPrev(plan::WindowId id) const { return !m_top && m_graph.hasHost(id); }

  int64_t leastEarlyCost() const;
  int64_t leastLateCost() const;
  int64_t exactCost(ColumnFate fate, int64_t leastNs) const;
  int64_t demandNs() const;
  int64_t earlyCost() const;
  int64_t lateCost() const;
  std::vector<plan::Slot> slotsFor(int16_t index, ColumnFate fate, plan::Slot deadline) const;
  void assign(ColumnFate fate, int16_t index, int64_t lateness, Places& best);

  const StageModel& m_model;
  int32_t m_kind;
  const std::vector<profile::Operator>& m_operators;
  const plan::LayerGraph& m_graph;
  bool m_top;
  ColumnPrices m_prices;
  int64_t m_steady, m_all;
  int64_t m_fwdAttnNs, m_fwdMlpNs, m_bwdMlpNs, m_prevAttnNs;  // capacities
  bool m_hasPipe;
  bool m_split = false;  // some placement has several collectives
  bool m_contended;
  // Being assigned:
  const std::vector<ColumnFate>* m_fates = nullptr;
  std::vector<plan::Slot> m_slots;
  KindLoad m_loads{};
  int64_t m_tries = 0;  // left
};

}  // namespace caracal::planner
