#include "core/planner/partition_search.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>
#include <tuple>

#include "core/planner/pipeline_time.h"

namespace caracal::planner {
namespace {

using Partition = std::vector<int32_t>;

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

// Forward and backward without recomputation of any stage, from per-layer sums.
class PlainLoads {
 public:
  explicit PlainLoads(StageSolver& solver) : m_prefixNs(1, 0) {
    // Times of layers add up, so two stages of one and two layers tell the embedding's share.
    m_firstNs =
        solver.leastLoadNs(0, 0, 1) + solver.leastLoadNs(0, 1, 1) - solver.leastLoadNs(0, 0, 2);
    for (int32_t layer = 0; layer < solver.layers(); ++layer) {
      m_prefixNs.push_back(m_prefixNs.back() + solver.leastLoadNs(0, layer, 1) - m_firstNs);
    }
    const int32_t lastStage = solver.stages() - 1;
    m_lastNs = solver.leastLoadNs(lastStage, 0, 1) - (m_prefixNs[1] - m_prefixNs[0]);
    m_lastStage = lastStage;
  }

  int64_t ns(int32_t stage, int32_t begin, int32_t end) const {
    return m_prefixNs[static_cast<size_t>(end)] - m_prefixNs[static_cast<size_t>(begin)] +
           (stage == 0 ? m_firstNs : 0) + (stage == m_lastStage ? m_lastNs : 0);
  }

 private:
  std::vector<int64_t> m_prefixNs;
  int64_t m_firstNs = 0;
  int64_t m_lastNs = 0;
  int32_t m_lastStage = 0;
};

// The dynamic program: positions are (stage, layers before it).
class Minimax {
 public:
  explicit Minimax(StageSolver& solver)
      : m_solver(solver), m_stages(solver.stages()), m_layers(solver.layers()), m_plain(solver) {}

  // `limitNs`: a largest tau that is known to be possible, or kNever.
  std::optional<Partition> run(int64_t limitNs) {
    m_limitNs = limitNs;
    findReachable();
    const auto largest =
        best([](int64_t tauNs, int32_t, int64_t before) { return std::max(before, tauNs); });
    if (!largest) return std::nullopt;
    m_limitNs = largest->first;
    findReachable();
    const auto evenest = best(
        [](int64_t, int32_t layers, int64_t before) { return before + int64_t{layers} * layers; });
    return evenest->second;
  }

 private:
  size_t at(int32_t stage, int32_t layer) const {
    return static_cast<size_t>(stage) * static_cast<size_t>(m_layers + 1) +
           static_cast<size_t>(layer);
  }

  bool possible(int32_t stage, int32_t begin, int32_t end) const {
    return m_plain.ns(stage, begin, end) <= m_limitNs;
  }

  // From which positions the rest of the layers can be held within the limit, were nothing
  // recomputed.
  void findReachable() {
    m_completes.assign(at(m_stages, m_layers) + 1, false);
    m_completes[at(m_stages, m_layers)] = true;
    for (int32_t s = m_stages - 1; s >= 0; --s) {
      for (int32_t begin = s; begin < m_layers; ++begin) {
        for (int32_t end = begin + 1; end <= m_layers && possible(s, begin, end); ++end) {
          if (m_completes[at(s + 1, end)]) m_completes[at(s, begin)] = true;
        }
      }
    }
  }

  // kNever when the stage does not fit its budget.
  int64_t tauNs(int32_t stage, int32_t begin, int32_t end) {
    const StageChoice& choice = m_solver.solve(stage, begin, end - begin);
    return choice.fits ? loadNs(choice.times) : kNever;
  }

  // The partition within the limit for which `extend`, folded over the stages, is least.
  template <class Extend>
  std::optional<std::pair<int64_t, Partition>> best(Extend extend) {
    std::vector<int64_t> value(at(m_stages, m_layers) + 1, kNever);
    std::vector<int32_t> from(value.size(), -1);
    value[at(0, 0)] = 0;
    for (int32_t s = 0; s < m_stages; ++s) {
      for (int32_t begin = s; begin < m_layers; ++begin) {
        if (value[at(s, begin)] == kNever) continue;
        for (int32_t end = begin + 1; end <= m_layers && possible(s, begin, end); ++end) {
          if (!m_completes[at(s + 1, end)]) continue;
          const int64_t tau = tauNs(s, begin, end);
          if (tau == kNever) break;  // more layers need more memory
          if (tau > m_limitNs) continue;
          const int64_t extended = extend(tau, end - begin, value[at(s, begin)]);
          if (extended >= value[at(s + 1, end)]) continue;
          value[at(s + 1, end)] = extended;
          from[at(s + 1, end)] = begin;
        }
      }
    }
    if (value[at(m_stages, m_layers)] == kNever) return std::nullopt;
    Partition partition(static_cast<size_t>(m_stages));
    int32_t end = m_layers;
    for (int32_t s = m_stages; s-- > 0;) {
      const int32_t begin = from[at(s + 1, end)];
      partition[static_cast<size_t>(s)] = end - begin;
      end = begin;
    }
    return std::pair{value[at(m_stages, m_layers)], std::move(partition)};
  }

  StageSolver& m_solver;
  int32_t m_stages, m_layers;
  PlainLoads m_plain;
  int64_t m_limitNs = kNever;
  std::vector<bool> m_completes;
};

std::vector<size_t> fastestFirst(const PartitionValue& value) {
  std::vector<size_t> stages(value.loadNs.size());
  std::iota(stages.begin(), stages.end(), size_t{0});
  const auto& key = value.excessBytes == 0 ? value.loadNs : value.peakBytes;
  std::stable_sort(stages.begin(), stages.end(),
                   [&](size_t a, size_t b) { return key[a] < key[b]; });
  return stages;
}

Partition evenLayers(int32_t layers, int32_t stages) {
  Partition partition;
  for (int32_t s = 0; s < stages; ++s)
    partition.push_back(layers / stages + (s < layers % stages ? 1 : 0));
  return partition;
}

Partition afterMove(const PartitionValue& value, size_t from, size_t to) {
  Partition moved = value.layersOfStage;
  --moved[from];
  ++moved[to];
  return moved;
}

PartitionValue climb(StageSolver& solver, PartitionValue best) {
  for (;;) {
    PartitionValue next = best;
    const size_t stages = best.layersOfStage.size();
    for (size_t from = 0; from < stages; ++from) {
      if (best.layersOfStage[from] == 1) continue;
      for (size_t to = 0; to < stages; ++to) {
        if (solver.stop().stop_requested()) return best;
        if (to == from) continue;
        PartitionValue tried = valueOf(solver, afterMove(best, from, to));
        if (tried.betterThan(next)) next = std::move(tried);
      }
    }
    if (!next.betterThan(best)) return best;
    best = std::move(next);
  }
}

// What was found until then is the answer.
bool wasStopped(const Result<PartitionValue>& value) {
  return !value && value.error().code == ErrorCode::kCancelled;
}

}  // namespace

bool PartitionValue::betterThan(const PartitionValue& other) const {
  return std::tie(excessBytes, stepNs) < std::tie(other.excessBytes, other.stepNs);
}

PartitionValue valueOf(StageSolver& solver, const Partition& layersOfStage) {
  PartitionValue value;
  value.layersOfStage = layersOfStage;
  std::vector<PassTimes> times;
  int32_t first = 0;
  for (size_t s = 0; s < layersOfStage.size(); ++s) {
    const StageChoice& choice = solver.solve(static_cast<int32_t>(s), first, layersOfStage[s]);
    times.push_back(choice.times);
    value.loadNs.push_back(loadNs(choice.times));
    value.peakBytes.push_back(choice.peakBytes);
    if (!choice.fits)
      value.excessBytes = std::max(value.excessBytes, choice.peakBytes - solver.budgetBytes());
    first += layersOfStage[s];
  }
  const profile::Profile& profile = solver.profile();
  value.stepNs = pipelineTimes(times, {profile.parallel.microBatches, profile.sendForwardNs,
                                       profile.sendBackwardNs})
                     .stepNs;
  return value;
}

Partition minimaxPartition(StageSolver& solver, const Progress& progress) {
  if (solver.stages() == 1) return {solver.layers()};
  // A partition that fits limits what the program has to look at.
  const Partition found =
      greedyPartition(solver, evenLayers(solver.layers(), solver.stages()), progress);
  const PartitionValue value = valueOf(solver, found);
  const int64_t limitNs =
      value.excessBytes > 0 ? kNever : *std::max_element(value.loadNs.begin(), value.loadNs.end());
  return Minimax(solver).run(limitNs).value_or(found);
}

Result<Partition> greedyPartition(const EvaluatePartition& evaluate, Partition start,
                                  const Progress& progress) {
  const double mostMoves = std::accumulate(start.begin(), start.end(), 0.0);
  CARACAL_TRY(first, evaluate(start));
  PartitionValue best = std::move(first);
  for (double move = 0;; ++move) {
    report(progress, std::min(0.9, move / mostMoves), "moving layers between stages");
    const std::vector<size_t> stages = fastestFirst(best);
    const size_t from = stages.back();
    bool moved = false;
    for (size_t i = 0; i < stages.size() && !moved; ++i) {
      if (stages[i] == from || best.layersOfStage[from] == 1) continue;
      auto tried = evaluate(afterMove(best, from, stages[i]));
      if (wasStopped(tried)) return best.layersOfStage;
      if (!tried) return tl::unexpected(tried.error());
      if (!tried->betterThan(best)) continue;
      best = std::move(*tried);
      moved = true;
    }
    if (!moved) return best.layersOfStage;
  }
}

Partition greedyPartition(StageSolver& solver, Partition start, const Progress& progress) {
  const auto evaluate = [&solver](const Partition& partition) -> Result<PartitionValue> {
    if (solver.stop().stop_requested()) return fail(ErrorCode::kCancelled, "planning cancelled");
    return valueOf(solver, partition);
  };
  return greedyPartition(evaluate, start, progress).value_or(start);
}

Result<Partition> climbedPartition(const EvaluatePartition& evaluate, Partition start,
                                   const Progress& progress) {
  constexpr size_t kFew = 3;  // stages of each end
  CARACAL_TRY(first, evaluate(start));
  PartitionValue best = std::move(first);
  for (;;) {
    report(progress, 0.9, "moving layers between stages");
    PartitionValue next = best;
    const std::vector<size_t> stages = fastestFirst(best);
    for (size_t slow = 0; slow < std::min(kFew, stages.size()); ++slow) {
      const size_t from = stages[stages.size() - 1 - slow];
      if (best.layersOfStage[from] == 1) continue;
      for (size_t fast = 0; fast < std::min(kFew, stages.size()); ++fast) {
        if (stages[fast] == from) continue;
        auto tried = evaluate(afterMove(best, from, stages[fast]));
        if (wasStopped(tried)) return next.layersOfStage;
        if (!tried) return tl::unexpected(tried.error());
        if (tried->betterThan(next)) next = std::move(*tried);
      }
    }
    if (!next.betterThan(best)) return best.layersOfStage;
    best = std::move(next);
  }
}

std::vector<PartitionValue> searchPartitions(StageSolver& solver,
                                             const std::vector<Partition>& starts,
                                             const Progress& progress) {
  std::vector<PartitionValue> found;
  for (const Partition& start : starts) {
    report(progress, 0.9 * static_cast<double>(found.size()) / static_cast<double>(starts.size()),
           "moving layers between stages");
    PartitionValue value = climb(solver, valueOf(solver, start));
    const bool known = std::any_of(found.begin(), found.end(), [&](const PartitionValue& other) {
      return other.layersOfStage == value.layersOfStage;
    });
    if (!known) found.push_back(std::move(value));
  }
  std::stable_sort(
      found.begin(), found.end(),
      [](const PartitionValue& a, const PartitionValue& b) { return a.betterThan(b); });
  return found;
}

}  // namespace caracal::planner
