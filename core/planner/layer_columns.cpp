#include "core/planner/layer_columns.h"

#include <algorithm>
#include <array>
#include <map>

#include "core/planner/top_memory.h"

namespace caracal::planner {
namespace {

using plan::Slot;
using plan::WindowId;

// Undominated points, by rising memory; cost falls.
class Front {
 public:
  bool dominates(int64_t bytes, int64_t costNs) const {
    auto after = m_points.upper_bound(bytes);
    return after != m_points.begin() && std::prev(after)->second.costNs <= costNs;
  }
  void add(Column column) {
    if (dominates(column.bytes, column.costNs)) return;
    auto next = m_points.lower_bound(column.bytes);
    while (next != m_points.end() && next->second.costNs >= column.costNs)
      next = m_points.erase(next);
    const int64_t bytes = column.bytes;
    m_points.emplace_hint(next, bytes, std::move(column));
  }
  std::vector<Column> take() {
    std::vector<Column> columns;
    for (auto& [bytes, column] : m_points) columns.push_back(std::move(column));
    return columns;
  }

 private:
  std::map<int64_t, Column> m_points;
};

class ColumnSearch {
 public:
  ColumnSearch(const StageModel& model, int32_t kind, LayerRole role, const ColumnPrices& prices,
               TopMemory topMemory, int64_t nodeLimit, TopBytes& known, const MixStop& stop)
      : m_model(model),
        m_stop(stop),
        m_known(known),
        m_kindIndex(kind),
        m_kind(model.shape().profile.kinds[static_cast<size_t>(kind)]),
        m_graph(model.shape().graphs.kinds[static_cast<size_t>(kind)]),
        m_role(role),
        m_prices(prices),
        m_timeline(role == LayerRole::kTop && topMemory == TopMemory::kTimeline),
        m_nodeLimit(nodeLimit),
        m_windows(model, kind, role, prices),
        m_fates(m_kind.operators.size(), ColumnFate::kAbsent) {
    findFullestOperator();
    const plan::StageShape& shape = model.shape();
    if (!shape.isLast()) return;
    const EndTimeline end = lastEndTimeline(shape.profile.last, shape.graphs.last);
    m_endBytes = std::max(end.forward.peak, end.forward.net + end.backward.peak);
    if (shape.graphs.last.size() > 0) m_endBytes += m_kind.operators.back().outputBytes;
  }

  LayerColumns run() {
    decide(m_graph.last(), Sum());
    return {m_plan.take()};
  }

 private:
  // What the decided operators take; times per micro-batch.
  struct Sum {
    int64_t everyBytes = 0;   // held by every micro-batch in flight but the oldest
    int64_t oldestBytes = 0;  // by the oldest, while a layer above it runs backward
    int64_t topMlpBytes = 0, topAttnBytes = 0;  // by the oldest of the top layer, in its segments
    int64_t topForwardBytes = 0;  // by the newest of the top layer, at its fullest operator
    int64_t topEndBytes = 0;      // and once its forward pass is over
    int64_t earlyNs = 0, lateNs = 0;
    int64_t chargedNs = 0;  // late collectives
  };

  const profile::Operator& op(int16_t index) const {
    return m_kind.operators[static_cast<size_t>(index)];
  }
  // In the forward pass a tensor that is not kept is there until the last operator that reads it.
  bool aliveAt(int16_t tensor, int16_t now) const {
    const auto& consumers = m_graph.operators[tensor].consumers;
    const int16_t last =
        consumers.empty() ? tensor : *std::max_element(consumers.begin(), consumers.end());
    return tensor <= now && now <= std::max(tensor, last);
  }
  void findFullestOperator() {
    int64_t most = -1;
    for (int16_t now = 0; now < m_graph.last(); ++now) {
      int64_t bytes = 0;
      for (int16_t tensor = 0; tensor <= now; ++tensor)
        bytes += aliveAt(tensor, now) ? op(tensor).liveBytes() : 0;
      if (bytes <= most) continue;
      most = bytes;
      m_fullest = now;
    }
  }
  bool needed(int16_t index) const { return m_graph.operators[index].firstReader >= 0; }

  int64_t bytesOf(const Sum& sum) const {
    const int64_t others = (m_model.inFlight() - 1) * sum.everyBytes;
    if (m_role == LayerRole::kBelow) return others + sum.oldestBytes;
    const int64_t backward = std::max(sum.topMlpBytes, sum.topAttnBytes);
    // In the forward pass what others rebuild in `pipe` is not there yet.
    if (m_windows.hasPipe()) return others + backward;
    return others + std::max({backward, sum.topForwardBytes, sum.topEndBytes + m_endBytes});
  }

  // A bound of the cost of any windows for so much work.
  int64_t planLeast(const Sum& sum) const {
    return m_windows.leastEarlyNs(sum.earlyNs) + m_windows.leastLateNs(sum.lateNs, sum.chargedNs);
  }

  void decide(int16_t index, const Sum& sum) {
    constexpr int64_t kPollEvery = 64;
    if (++m_nodes > m_nodeLimit || (m_nodes % kPollEvery == 0 && m_stop.requested()))
      m_stopped = true;
    if (m_stopped) return;
    const int64_t bytes = bytesOf(sum);
    if (m_plan.dominates(bytes, planLeast(sum))) return;
    if (index < 0) {
      addColumns(sum);
      return;
    }
    bool early = false, late = needed(index);
    bool mlp = needed(index) && m_graph.readInMlpSegment(index);
    for (int16_t consumer : m_graph.operators[index].consumers) {
      early |= m_fates[consumer] == ColumnFate::kEarly;
      late |= m_fates[consumer] == ColumnFate::kLate;
      mlp |= m_fates[consumer] == ColumnFate::kLate && m_lateMlp[static_cast<size_t>(consumer)];
    }
    if (!early && !late) {
      choose(index, ColumnFate::kAbsent, false, sum);
      return;
    }
    choose(index, ColumnFate::kKept, mlp, sum);
    // A layer's output is there until its backward: no window rebuilds it.
    if (m_windows.mayBeEarly() && index != m_graph.last())
      choose(index, ColumnFate::kEarly, mlp, sum);
    if (!early) choose(index, ColumnFate::kLate, mlp, sum);
  }

  bool usedLate(int16_t index) const {
    const auto& consumers = m_graph.operators[index].consumers;
    return std::any_of(consumers.begin(), consumers.end(),
                       [&](int16_t consumer) { return m_fates[consumer] == ColumnFate::kLate; });
  }

  void choose(int16_t index, ColumnFate fate, bool mlp, Sum sum) {
    const profile::Operator& tensor = op(index);
    const bool output = index == m_graph.last();
    const int64_t retained = output ? tensor.savedBytes : tensor.retainedBytes();
    const int64_t live = output ? tensor.savedBytes : tensor.liveBytes();
    const bool read = needed(index);
    const bool readInMlp = read && m_graph.readInMlpSegment(index);
    const auto holdTop = [&](int64_t bytes, bool inMlp) {
      if (inMlp) sum.topMlpBytes += bytes;
      if (!readInMlp) sum.topAttnBytes += bytes;
    };
    if (fate == ColumnFate::kKept) {
      sum.everyBytes += retained;
      if (read || usedLate(index)) sum.oldestBytes += retained;
      if (read) holdTop(retained, true);
    }
    if (fate == ColumnFate::kEarly) {
      sum.earlyNs += tensor.forwardNs;
      if (read) sum.oldestBytes += live;
      if (read) holdTop(live, true);
    }
    if (fate == ColumnFate::kLate) {
      (m_graph.operators[index].collective ? sum.chargedNs : sum.lateNs) += tensor.forwardNs;
      if (read) holdTop(live, mlp);
    }
    const bool alive = fate == ColumnFate::kKept ? index <= m_fullest : aliveAt(index, m_fullest);
    if (!output && alive) sum.topForwardBytes += live;
    if (fate == ColumnFate::kKept) sum.topEndBytes += retained;
    m_fates[index] = fate;
    m_lateMlp[static_cast<size_t>(index)] = mlp;
    decide(static_cast<int16_t>(index - 1), sum);
    m_fates[index] = ColumnFate::kAbsent;
  }

  // The least over all sets of late work in own.bwd.mlp, `known` if one is as low.
  int64_t leastTimelineBytes(int64_t known) const {
    constexpr size_t kMostOwn = 7;
    std::vector<size_t> mayBeOwn;
    std::vector<plan::Placement> placements;
    for (size_t index = 0; index < m_fates.size(); ++index) {
      const bool late = m_fates[index] == ColumnFate::kLate;
      if (late && !m_lateMlp[index] && index + 1 < m_fates.size()) mayBeOwn.push_back(index);
      placements.push_back(m_fates[index] == ColumnFate::kKept    ? placementOf(Choice::kRetain)
                           : m_fates[index] == ColumnFate::kEarly ? placementOf(Slot::kPipe)
                           : late                                 ? placementOf(Slot::kOnDemandMlp)
                                                                  : placementOf(Choice::kDiscard));
    }
    if (!m_graph.hasHost(WindowId::kOwnBwdMlp)) mayBeOwn.clear();
    if (mayBeOwn.size() > kMostOwn) return known;
    int64_t least = kNoLimit;
    for (size_t set = 0; set < size_t{1} << mayBeOwn.size(); ++set) {
      for (size_t bit = 0; bit < mayBeOwn.size(); ++bit) {
        placements[mayBeOwn[bit]] =
            placementOf((set >> bit & 1) != 0 ? Slot::kOwnBwdMlp : Slot::kOnDemandMlp);
      }
      least = std::min(least, topLayerBytes(m_model, m_kindIndex, m_windows.hasPipe(), placements));
      if (least <= known) return known;
    }
    return least;
  }

  void addColumns(const Sum& sum) {
    int64_t bytes = bytesOf(sum);
    if (m_timeline) {
      std::vector<char> key{m_windows.hasPipe() ? 'p' : '-'};
      for (size_t index = 0; index < m_fates.size(); ++index)
        key.push_back(static_cast<char>(2 * static_cast<int>(m_fates[index]) + m_lateMlp[index]));
      const auto [entry, isNew] = m_known.try_emplace(std::move(key), 0);
      if (isNew) entry->second = leastTimelineBytes(bytes);
      bytes = entry->second;
      if (m_plan.dominates(bytes, planLeast(sum))) return;
    }
    const auto& early = m_windows.placesFor(ColumnFate::kEarly, m_fates);
    const int64_t earlyNs = early.costNs + m_prices.pipeTail * sum.earlyNs;
    if (m_plan.dominates(bytes, earlyNs)) return;
    const auto& late = m_windows.placesFor(ColumnFate::kLate, m_fates);
    Column column{earlyNs + late.costNs, bytes, {}};
    if (m_plan.dominates(bytes, column.costNs)) return;
    for (size_t index = 0; index < m_fates.size(); ++index) {
      const auto placement = [&]() -> plan::Placement {
        switch (m_fates[index]) {
          case ColumnFate::kKept:
            return {plan::PlacementKind::kRetained};
          case ColumnFate::kEarly:
            return placementOf(early.slots[index]);
          case ColumnFate::kLate:
            return placementOf(late.slots[index]);
          default:
            return {plan::PlacementKind::kDiscarded};
        }
      };
      column.placements.push_back(placement());
    }
    m_plan.add(std::move(column));
  }

  const StageModel& m_model;
  const MixStop& m_stop;
  TopBytes& m_known;
  int32_t m_kindIndex;
  const profile::LayerKind& m_kind;
  const plan::LayerGraph& m_graph;
  LayerRole m_role;
  ColumnPrices m_prices;
  bool m_timeline;
  int64_t m_nodeLimit;
  ColumnWindows m_windows;
  int16_t m_fullest = 0;
  int64_t m_endBytes = 0;  // of the model's last end
  std::vector<ColumnFate> m_fates;
  std::vector<char> m_lateMlp = std::vector<char>(m_fates.size(), 0);
  Front m_plan;
  int64_t m_nodes = 0;
  bool m_stopped = false;
};

}  // namespace

LayerColumns layerColumns(const StageModel& model, int32_t kind, LayerRole role,
                          const ColumnPrices& prices, TopMemory topMemory, int64_t nodeLimit,
                          TopBytes& known, const MixStop& stop) {
  return ColumnSearch(model, kind, role, prices, topMemory, nodeLimit, known, stop).run();
}

}  // namespace caracal::planner
