// ColumnWindows: the cheapest windows for what a layer rebuilds, were the layers around it to do
// the same. Used by layer_columns.cpp alone.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "core/planner/placed_work.h"
#include "core/planner/stage_model.h"

namespace caracal::planner {

enum class LayerRole : uint8_t { kTop, kBelow };  // the stage's top layer has no prev.* windows

// What a micro-batch's nanosecond costs a layer: of a step, how often it counts.
struct ColumnPrices {
  int64_t forward = 0;   // that a forward pass takes longer for early work
  int64_t backward = 0;  // and a backward pass
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
  // that few layers need them all. Valid as long as this.
  const Places& placesFor(ColumnFate fate, const std::vector<ColumnFate>& fates);

 private:
  int64_t ns(plan::Slot slot) const {
    return m_placed.load(slot).operatorNs + m_placed.load(slot).collectiveNs;
  }
  bool needed(int16_t index) const { return m_graph.operators[index].firstReader >= 0; }
  bool hasForward(plan::WindowId id) const { return m_filled && m_graph.hasHost(id); }
  bool hasPrev(plan::WindowId id) const { return !m_top && m_graph.hasHost(id); }

  int64_t demandNs() const { return ns(plan::Slot::kOnDemandMlp) + ns(plan::Slot::kOnDemandAttn); }
  // Of operators not assigned yet.
  struct Rest {
    int64_t operatorsNs = 0, collectivesNs = 0;
    int64_t lateness = 0;  // at most
    void add(const SlotLoad& load, plan::Slot latest) {
      operatorsNs += load.operatorNs;
      collectivesNs += load.collectiveNs;
      lateness += static_cast<int64_t>(latest);
    }
    void take(const SlotLoad& load, plan::Slot latest) {
      operatorsNs -= load.operatorNs;
      collectivesNs -= load.collectiveNs;
      lateness -= static_cast<int64_t>(latest);
    }
  };
  SlotLoad load(int16_t index) const {
    const int64_t ns = m_operators[static_cast<size_t>(index)].forwardNs;
    return m_graph.operators[index].collective ? SlotLoad{0, ns} : SlotLoad{ns, 0};
  }
  int64_t leastCost(ColumnFate fate) const;
  int64_t exactCost(ColumnFate fate);
  bool mayUse(int16_t index, plan::Slot slot, plan::Slot deadline) const;
  void assign(ColumnFate fate, int16_t index, int64_t lateness, Places& best);

  const std::vector<profile::Operator>& m_operators;
  const plan::LayerGraph& m_graph;
  bool m_top;
  ColumnPrices m_prices;
  bool m_filled;  // forward passes have the recomputations of others in their windows
  int64_t m_fwdAttnNs, m_fwdMlpNs, m_bwdMlpNs, m_prevAttnNs;  // capacities
  bool m_hasPipe;
  // Being assigned:
  const std::vector<ColumnFate>* m_fates = nullptr;
  PlacedWork m_placed;
  Rest m_rest;
  int64_t m_tries = 0;  // left
  // By fate and the operators that have it, which alone decide.
  std::array<std::map<std::vector<bool>, Places>, 4> m_known;
};

}  // namespace caracal::planner
