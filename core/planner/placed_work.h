// PlacedWork: a layer's recomputations while a search places them in slots, and how much longer the
// layer's collectives take for what runs beside them, were the layers around it to do the same.
// Where a placement has several collectives, its work is split over them as
// plan/recompute_hosts.h says; what a set of operators takes is worked out once. For one thread.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "core/plan/recompute_hosts.h"
#include "core/planner/heu_problem.h"
#include "core/planner/stage_model.h"

namespace caracal::planner {

class PlacedWork {
 public:
  // REQUIRES that `model` outlives this.
  PlacedWork(const StageModel& model, int32_t kind);

  // REQUIRES an operator that is in no slot.
  void place(size_t op, plan::Slot slot);
  // The last that was placed.
  void takeBack();

  const std::vector<plan::Slot>& slots() const { return m_slots; }  // per operator; kNone: none
  const SlotLoad& load(plan::Slot slot) const { return at(slot).load; }

  // Nanoseconds, of one layer and micro-batch. Collectives that are repeated count in full.
  int64_t forwardOverflowNs() const;  // fwd.attn and fwd.mlp
  int64_t ownOverflowNs() const;      // bwd.mlp with own.bwd.mlp alone, as in a bottom layer
  int64_t backwardOverflowNs();       // all backward collectives, the layer below doing the same

  // Of any work that contains what is placed: the overflow is at least that much, and more by what
  // its further operators take beyond freeNs. Contention aside.
  struct Room {
    int64_t overflowNs = 0;
    int64_t freeNs = 0;
  };
  Room forwardRoom() const;
  Room ownRoom() const;
  Room backwardRoom() const;

 private:
  using Set = uint64_t;  // of the layer's operators
  static constexpr size_t kMostInSet = 64;
  static constexpr size_t kSlots = static_cast<size_t>(plan::Slot::kNone);
  struct Hosts {
    std::vector<int64_t> capacitiesNs;  // in time order
    int64_t sumNs = 0;
  };
  struct InSlot {
    SlotLoad load;
    Set set = 0;
    int64_t overflowNs = 0;  // as if nothing else ran beside the placement's collectives
  };
  struct Change {
    size_t op = 0;
    plan::Slot slot = plan::Slot::kNone;
    InSlot before;
  };
  struct Pair {
    Set below = 0, own = 0;
    bool operator==(const Pair&) const = default;
  };
  struct HashPair {
    size_t operator()(const Pair& pair) const {
      return static_cast<size_t>((pair.below * 0x9E3779B97F4A7C15U) ^ pair.own);
    }
  };

  int64_t overflowNs(plan::Slot slot);
  int64_t besideBwdMlp();
  int64_t sharedOverflowNs() const;
  Room roomBeside(plan::Slot slot) const;
  std::vector<plan::HostedWork> workIn(plan::Slot slot) const;
  const Hosts& hosts(plan::Slot slot) const { return m_hosts[static_cast<size_t>(slot)]; }
  const InSlot& at(plan::Slot slot) const { return m_inSlot[static_cast<size_t>(slot)]; }
  // Costs no more than what exceeds the collectives together.
  bool isPlain(const SlotLoad& load, const Hosts& hosts) const {
    return hosts.capacitiesNs.size() == 1 && load.collectiveNs == 0 && !m_contended;
  }
  template <typename Known, typename Key, typename Find>
  int64_t lookUp(Known& known, const Key& key, const Find& find) const {
    if (m_slots.size() > kMostInSet) return find();
    const auto [entry, isNew] = known.try_emplace(key, 0);
    if (isNew) entry->second = find();
    return entry->second;
  }

  plan::Contention m_contention;
  bool m_contended;
  std::vector<plan::HostedWork> m_work;  // per operator
  std::array<Hosts, kSlots> m_hosts;     // of the placement; none for `pipe` and on demand
  std::vector<plan::Slot> m_slots;
  std::array<InSlot, kSlots> m_inSlot{};
  std::vector<Change> m_changes;
  // Overflow by the set in a slot, and by those that share the collectives up to bwd.mlp.
  std::array<std::unordered_map<Set, int64_t>, kSlots> m_known;
  std::unordered_map<Pair, int64_t, HashPair> m_knownPairs;
};

}  // namespace caracal::planner
