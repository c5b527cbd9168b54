#include "tests/core/planner/heu_columns.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace caracal::planner {

using plan::Placement;
using plan::PlacementKind;
using plan::WindowId;
using test::LinearSum;

HeuColumns::HeuColumns(const StageModel& model)
    : m_model(model), m_graph(model.shape().graphs.kinds[0]) {
  for (int16_t op = 0; op < operators(); ++op) {
    for (size_t at = 0; at < kPlaces; ++at)
      m_upper.push_back(exists(op, static_cast<Place>(at)) ? 1 : 0);
  }
  for (int16_t op = 0; op < operators(); ++op) {
    for (const Place at : {kDemandMlp, kDemandAttn}) m_upper.push_back(exists(op, at) ? 1 : 0);
  }
}

bool HeuColumns::exists(int16_t op, Place at) const {
  if (op == m_graph.last() && at != kKeep && at != kDemandMlp) return false;
  const bool readEarly = m_graph.readInMlpSegment(op);
  const bool below = m_model.layersOfKind(0) > 1;
  switch (at) {
    case kFwdAttn:
      return m_model.steadyCount() > 0 && m_graph.hasHost(WindowId::kFwdAttn);
    case kFwdMlp:
      return m_model.steadyCount() > 0 && m_graph.hasHost(WindowId::kFwdMlp);
    case kPipe:
      return !m_model.shape().isLast();
    case kPrevMlp:
      return below && m_graph.hasHost(WindowId::kPrevBwdMlp);
    case kPrevAttn:
      return below && m_graph.hasHost(WindowId::kPrevBwdAttn);
    case kOwn:
      return !readEarly && m_graph.hasHost(WindowId::kOwnBwdMlp);
    case kDemandAttn:
      return !readEarly;
    default:
      return true;
  }
}

LinearSum HeuColumns::made(int16_t op, Place at, LayerCase of) const {
  const bool forward = at == kFwdAttn || at == kFwdMlp;
  const bool previous = at == kPrevMlp || at == kPrevAttn;
  if ((of.tail && forward) || (of.top && previous)) return {};
  if (of.top && (at == kDemandMlp || at == kDemandAttn)) return Sum::of(onDemandAtTop(op, at));
  Sum sum = Sum::of(place(op, at));
  if (of.tail && at == kPipe) {
    sum.add(Sum::of(place(op, kFwdAttn)));
    sum.add(Sum::of(place(op, kFwdMlp)));
  }
  return sum;
}

LinearSum HeuColumns::madeIn(int16_t op, Place first, Place last, LayerCase of) const {
  Sum sum;
  for (size_t at = first; at <= last; ++at) sum.add(made(op, static_cast<Place>(at), of));
  return sum;
}

size_t HeuColumns::largest(std::vector<Sum> sums) {
  m_largest.push_back({size(), std::move(sums)});
  m_upper.push_back(std::numeric_limits<double>::max());
  return m_largest.back().column;
}

std::vector<test::LinearRow> HeuColumns::rows() const {
  std::vector<test::LinearRow> rows;
  for (const Largest& largest : m_largest) {
    for (Sum sum : largest.sums)
      rows.push_back(test::notAboveZero(sum.add(Sum::of(largest.column), -1)));
  }
  return rows;
}

std::vector<double> HeuColumns::valuesOf(const std::vector<Placement>& placements) const {
  const auto slots = [&](const plan::LayerGraph* above) {
    return plan::recomputeSlots(m_graph, placements,
                                {m_model.steadyCount() > 0, m_model.shape().linkedAfter(), above});
  };
  const std::vector<plan::Slot> below = slots(&m_graph), top = slots(nullptr);
  std::vector<double> values(size(), 0.0);
  for (int16_t op = 0; op < operators(); ++op) {
    const auto i = static_cast<size_t>(op);
    if (placements[i].kind == PlacementKind::kRetained) values[place(op, kKeep)] = 1;
    if (below[i] == plan::Slot::kNone) continue;
    values[place(op, placeOf(below[i]))] = 1;
    const Place atTop = placeOf(top[i]);
    if (atTop == kDemandMlp || atTop == kDemandAttn) values[onDemandAtTop(op, atTop)] = 1;
  }
  settle(values);
  return values;
}

std::vector<Placement> HeuColumns::placementsOf(const std::vector<double>& values) const {
  std::vector<Placement> placements(static_cast<size_t>(operators()), {PlacementKind::kDiscarded});
  for (int16_t op = 0; op < operators(); ++op) {
    for (size_t at = 0; at < kPlaces; ++at) {
      if (values[place(op, static_cast<Place>(at))] > 0.5)
        placements[static_cast<size_t>(op)] = *plan::placementFromText(kPlaceTexts[at]);
    }
  }
  return placements;
}

void HeuColumns::settle(std::vector<double>& values) const {
  for (const Largest& largest : m_largest) {
    double value = 0;
    for (const Sum& sum : largest.sums) value = std::max(value, sum.at(values));
    values[largest.column] = value;
  }
}

}  // namespace caracal::planner
