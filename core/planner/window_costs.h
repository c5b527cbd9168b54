// WindowCosts: for given fates (fate_table.h) of a stage with one kind of layer, what choices of
// windows cost, memory aside. Early and late work share no windows, so the choices for either are
// found alone; they depend only on which tensors are rebuilt so. Used by window_search.cpp alone.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "core/plan/recompute_hosts.h"
#include "core/planner/fate_table.h"

namespace caracal::planner {

enum class Work : uint8_t { kEarly, kLate };
// REQUIRES a fate that is rebuilt.
constexpr Work workOf(Fate fate) {
  return fate == Fate::kEarly ? Work::kEarly : Work::kLate;
}

// Places for all early or all late work.
struct Assignment {
  int64_t costNs = 0;             // per step
  int64_t lateness = 0;           // sum of slots: late places hold memory for less time
  std::vector<plan::Slot> slots;  // per variable; kNone: other work
};

class WindowCosts {
 public:
  // REQUIRES that the stage holds one kind of layer, and that all outlive this.
  WindowCosts(const HeuProblem& problem, const StageModel& model, const StageGaps& gaps,
              int64_t nodeLimit, MixStop stop);

  int32_t kind() const { return m_kind; }
  // What the last micro-batches, which do all early work while they wait, add to any choice.
  int64_t tailNs(const Fates& fates) const;

  // One with the least cost. Valid until this is destroyed.
  const Assignment& cheapest(Work work, const Fates& fates);
  // What any choice costs at least for all work that contains these tensors. 0 where contention
  // makes that uncertain.
  int64_t leastNs(Work work, std::initializer_list<size_t> variables);
  // All that cost less than limitNs, by rising cost; among equals late places first.
  std::vector<Assignment> cheaperThan(int64_t limitNs, Work work, const Fates& fates);

  int64_t nodes() const { return m_nodes; }
  // Asked to, out of time, or out of nodes: what is returned from then on may not be all or best.
  bool stopped() const { return m_stopped; }

 private:
  using Slots = std::vector<plan::Slot>;
  struct Operator {
    int64_t ns = 0;
    bool collective = false;
    plan::Slot deadline = plan::Slot::kNone;
    std::vector<size_t> consumers;
    std::array<Slots, 2> places;  // by Work, in the order of trial
  };
  // kLeast: a lower bound of the cost of the cheapest, and of that of more work.
  enum class Wanted : uint8_t { kCheapest, kAll, kLeast };

  void begin(Work work);
  void begin(Work work, const Fates& fates);
  void add(size_t variable);
  Assignment findCheapest(Wanted wanted);
  void assign(size_t member, int64_t& limitNs, std::vector<Assignment>& list);
  void place(size_t member, plan::Slot slot, int64_t& limitNs, std::vector<Assignment>& list);
  plan::Slot deadlineOf(size_t variable) const;
  int64_t leastCost() const { return m_work == Work::kEarly ? leastEarlyCost() : leastLateCost(); }
  int64_t leastEarlyCost() const;
  int64_t leastLateCost() const;

  int64_t earlyCost() const;
  int64_t lateCost() const;
  int64_t overflowNs(int64_t capacityNs, std::initializer_list<plan::Slot> slots) const;
  int64_t overflowNs(const std::vector<int64_t>& capacitiesNs, plan::Slot slot) const;
  int64_t bwdMlpOverflowNs() const;
  std::vector<plan::HostedWork> workIn(plan::Slot slot) const;
  SlotLoad& load(plan::Slot slot) { return m_loads[static_cast<size_t>(slot)]; }
  const SlotLoad& load(plan::Slot slot) const { return m_loads[static_cast<size_t>(slot)]; }

  const StageModel& m_model;
  const StageGaps& m_gaps;
  int32_t m_kind = 0;
  int64_t m_layers = 0;
  // Capacities of the collectives that host a placement, in time order.
  std::vector<int64_t> m_fwdAttn, m_fwdMlp, m_prevMlp, m_prevAttn;
  int64_t m_ownNs = 0;  // of bwd.mlp, the last of m_prevMlp
  // Their sums.
  int64_t m_fwdAttnNs = 0, m_fwdMlpNs = 0, m_prevMlpNs = 0, m_prevAttnNs = 0;
  bool m_split = false;               // some placement has several collectives
  std::vector<Operator> m_operators;  // per variable
  std::array<std::map<std::vector<bool>, Assignment>, 2> m_cheapest;

  // Being assigned:
  Work m_work = Work::kEarly;
  Wanted m_wanted = Wanted::kAll;
  std::vector<size_t> m_members;  // variables of this work, consumers first
  Slots m_slots;
  KindLoad m_loads{};    // per layer
  int64_t m_restNs = 0;  // of operators not assigned yet, per layer
  int64_t m_nodes = 0, m_nodeLimit;
  MixStop m_stop;
  bool m_stopped = false;
};

}  // namespace caracal::planner
