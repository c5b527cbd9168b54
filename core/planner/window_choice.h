// WindowChoice: the windows in which a layer rebuilds what given fates (layer_fates.h) rebuild: for
// early work the cheapest, for late work every choice up to a price, for neighbours share bwd.mlp.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "core/plan/recompute_slots.h"
#include "core/planner/layer_fates.h"
#include "core/planner/layer_terms.h"

namespace caracal::planner {

// Work of one layer in one slot. A repeated collective queues behind the window's own: operators
// that follow it are not hidden.
struct SlotWork {
  double operatorsNs = 0;  // before the first repeated collective
  double behindNs = 0;     // after it
  double collectivesNs = 0;
  // REQUIRES that operators come from the last to the first.
  void add(const OperatorTerms& op) {
    if (!op.collective) {
      operatorsNs += op.ns;
      return;
    }
    collectivesNs += op.ns;
    behindNs += std::exchange(operatorsNs, 0);
  }
  double allNs() const { return operatorsNs + behindNs + collectivesNs; }
  // What may be hidden at most: beside several collectives also what follows a repeated one.
  double hideableNs(const HostWindow& window) const {
    return window.split ? operatorsNs + behindNs : operatorsNs;
  }
};
using LayerWork = std::array<SlotWork, static_cast<size_t>(plan::Slot::kNone) + 1>;

class WindowChoice {
 public:
  // REQUIRES that `terms` outlives this.
  WindowChoice(const LayerTerms& terms, const LayerPrices& prices)
      : m_terms(terms), m_prices(prices), m_slots(terms.operators.size(), plan::Slot::kNone) {}

  // Chooses for the early work of `fates`, which must live as long as late() runs.
  void start(const std::vector<TensorFate>& fates);
  double earlyNs() const { return m_bestEarlyNs; }  // its price, LayerPrices::early aside
  double forwardNs() const { return m_bestEarlyNs - m_prices.pipe * m_bestPipeNs; }
  double pipeNs() const { return m_bestPipeNs; }  // of it, work in `pipe`

  // Calls `visit` for all windows of late work whose price is at most `limit`; it returns the limit
  // from then on, and may ask what follows.
  using Visit = std::function<double()>;
  void late(double limit, const Visit& visit);
  const SlotWork& at(plan::Slot slot) const { return m_work[static_cast<size_t>(slot)]; }
  const std::vector<plan::Slot>& slots() const { return m_slots; }
  double lateNs() const { return m_lateNs; }  // of the late operators, collectives not counted

  int64_t nodes() const { return m_nodes; }

 private:
  double earlyPrice() const;
  double splitEarlyPrice() const;
  double latePrice() const;
  plan::Slot earliestUse(size_t index) const;
  void assignEarly(size_t undecided);
  void assignLate(size_t undecided, const Visit& visit);

  template <class Next>
  void place(size_t index, plan::Slot slot, const Next& next) {
    SlotWork& work = m_work[static_cast<size_t>(slot)];
    const SlotWork before = work;
    work.add(m_terms.operators[index]);
    m_slots[index] = slot;
    next();
    m_slots[index] = plan::Slot::kNone;
    work = before;
  }

  const LayerTerms& m_terms;
  LayerPrices m_prices;
  const std::vector<TensorFate>* m_fates = nullptr;
  std::vector<plan::Slot> m_slots, m_bestEarly;
  LayerWork m_work{};
  double m_bestEarlyNs = 0, m_bestPipeNs = 0, m_restNs = 0, m_lateNs = 0, m_limit = 0;
  int64_t m_nodes = 0;
};

}  // namespace caracal::planner
