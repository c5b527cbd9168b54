// WindowCosts: for given fates (fate_table.h) of a stage with one kind of layer, what choices of
// windows cost, memory aside. Early and late work share no windows, so the choices for either are
// found alone; they depend only on which tensors are rebuilt so. Used by window_search.cpp alone.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "core/planner/fate_table.h"
#include "core/planner/placed_work.h"

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
  std::vector<plan::Slot> slots;  // per operator; kNone: other work
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
    plan::Slot deadline = plan::Slot::kNone;
    std::vector<int16_t> consumers;
    std::array<Slots, 2> places;  // by Work, in the order of trial
  };
  // kLeast: a lower bound of the cost of the cheapest, and of that of more work.
  enum class Wanted : uint8_t { kCheapest, kAll, kLeast };

  void begin(Work work);
  void begin(Work work, const Fates& fates);
  void add(size_t op);
  Assignment findCheapest(Wanted wanted);
  void assign(size_t member, int64_t& limitNs, std::vector<Assignment>& list);
  void place(size_t member, plan::Slot slot, int64_t& limitNs, std::vector<Assignment>& list);
  plan::Slot deadlineOf(size_t op) const;
  size_t operatorOf(size_t variable) const {
    return static_cast<size_t>(m_problem.variables()[variable].op);
  }
  int64_t leastCost() { return m_work == Work::kEarly ? leastEarlyCost() : leastLateCost(); }
  int64_t leastEarlyCost();
  int64_t leastLateCost();
  int64_t earlyCost();
  int64_t lateCost();
  const SlotLoad& load(plan::Slot slot) const { return m_placed.load(slot); }

  const HeuProblem& m_problem;
  const StageModel& m_model;
  const StageGaps& m_gaps;
  int32_t m_kind = 0;
  int64_t m_layers = 0;
  bool m_split = false;               // some placement has several collectives
  std::vector<Operator> m_operators;  // of the layer
  std::array<std::map<std::vector<bool>, Assignment>, 2> m_cheapest;

  // Being assigned:
  Work m_work = Work::kEarly;
  Wanted m_wanted = Wanted::kAll;
  std::vector<size_t> m_members;  // operators of this work, consumers first
  PlacedWork m_placed;            // those assigned
  int64_t m_restNs = 0;           // of the others, per layer
  int64_t m_nodes = 0, m_nodeLimit;
  MixStop m_stop;
  bool m_stopped = false;
};

}  // namespace caracal::planner
