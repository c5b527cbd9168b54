// The columns of HEU's integer program (heu_program.h): what its rows for time and for memory are
// made of.
#pragma once

#include <array>
#include <vector>

#include "core/planner/stage_model.h"
#include "tests/support/integer_program.h"

namespace caracal::planner {

// Kept, or rebuilt at one of these places, in time order: one place for each plan::Slot.
enum Place : size_t {
  kKeep,
  kFwdAttn,
  kFwdMlp,
  kPipe,
  kPrevMlp,
  kPrevAttn,
  kDemandMlp,
  kOwn,
  kDemandAttn,
  kPlaces
};

inline constexpr std::array<const char*, kPlaces> kPlaceTexts{
    "retained",    "window:fwd.attn",     "window:fwd.mlp",
    "window:pipe", "window:prev.bwd.mlp", "window:prev.bwd.attn",
    "onDemand",    "window:own.bwd.mlp",  "onDemand"};

constexpr Place placeOf(plan::Slot slot) {
  return static_cast<Place>(1 + static_cast<size_t>(slot));
}
static_assert(placeOf(plan::Slot::kPipe) == kPipe && placeOf(plan::Slot::kOwnBwdMlp) == kOwn);

// Where a layer is: the top one of a stage has no prev.* windows, and micro-batches without a next
// forward have no fwd.* ones.
struct LayerCase {
  bool top = false;
  bool tail = false;
};

// Columns of one kind of layer. First the binaries: for every operator and place whether it is
// there. Then, for every operator, where the top layer does on demand what is in prev.* windows
// elsewhere; and any number of columns that are no less than some sums of others.
class HeuColumns {
 public:
  using Sum = test::LinearSum;

  explicit HeuColumns(const StageModel& model);

  int16_t operators() const { return m_graph.size(); }
  size_t binaries() const { return static_cast<size_t>(operators()) * kPlaces; }
  size_t size() const { return m_upper.size(); }
  const std::vector<double>& upper() const { return m_upper; }

  static size_t place(int16_t op, Place place) {
    return static_cast<size_t>(op) * kPlaces + static_cast<size_t>(place);
  }
  // Whether a layer in this case rebuilds the operator there. kKeep: whether it is kept.
  Sum made(int16_t op, Place at, LayerCase of) const;
  // The same for any of these places.
  Sum madeIn(int16_t op, Place first, Place last, LayerCase of) const;

  // A column that a program that minimises gives the value max(0, sums).
  size_t largest(std::vector<Sum> sums);
  // What says so.
  std::vector<test::LinearRow> rows() const;

  // The values that say these placements.
  std::vector<double> valuesOf(const std::vector<plan::Placement>& placements) const;
  std::vector<plan::Placement> placementsOf(const std::vector<double>& values) const;
  // Sets the columns of largest() to the least value they may have.
  void settle(std::vector<double>& values) const;

 private:
  struct Largest {
    size_t column;
    std::vector<Sum> sums;
  };
  bool exists(int16_t op, Place at) const;
  size_t onDemandAtTop(int16_t op, Place at) const {
    return binaries() + 2 * static_cast<size_t>(op) + (at == kDemandAttn ? 1 : 0);
  }

  const StageModel& m_model;
  const plan::LayerGraph& m_graph;
  std::vector<double> m_upper;
  std::vector<Largest> m_largest;
};

}  // namespace caracal::planner
