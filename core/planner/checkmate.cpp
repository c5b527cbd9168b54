#include "core/planner/checkmate.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <queue>
#include <tuple>

namespace caracal::planner {
namespace {

using plan::Placement;
using plan::PlacementKind;
using profile::LayerKind;
using profile::Operator;

constexpr size_t kMostOptions = size_t{1} << 20;         // per kind
constexpr int64_t kMostCombinations = int64_t{1} << 21;  // of kinds, per stage

uint64_t bit(size_t op) {
  return uint64_t{1} << op;
}

// What backward or a kept recomputation asks for and is not kept is computed again.
std::vector<Placement> placementsOf(const LayerKind& kind, const plan::LayerGraph& graph,
                                    uint64_t kept) {
  std::vector<Placement> placements(kind.operators.size(), {PlacementKind::kDiscarded});
  uint64_t wanted = 0;
  for (size_t op = kind.operators.size(); op-- > 0;) {
    if (!kind.operators[op].needed() && (wanted & bit(op)) == 0) continue;
    if ((kept & bit(op)) != 0) {
      placements[op] = {PlacementKind::kRetained};
      continue;
    }
    placements[op] = {PlacementKind::kOnDemand};
    for (const int16_t input : graph.operators[op].inputs) {
      if (input != plan::kLayerInput) wanted |= bit(static_cast<size_t>(input));
    }
  }
  return placements;
}

}  // namespace

// Decides from the last operator to the first, so that whether a tensor is asked for is known when
// its turn comes: every option is listed once.
class CheckmatePolicy::Listing {
 public:
  Listing(const LayerKind& kind, const plan::LayerGraph& graph, Kind& result)
      : m_kind(kind), m_graph(graph), m_result(result) {
    decide(kind.operators.size(), {}, 0);
  }

 private:
  void decide(size_t left, Option option, uint64_t wanted) {
    if (left == 0) {
      m_result.fastest.push_back(option);
      return;
    }
    if (m_result.fastest.size() >= kMostOptions) {
      m_result.complete = false;
      return;
    }
    const size_t op = left - 1;
    const Operator& tensor = m_kind.operators[op];
    if (!tensor.needed() && (wanted & bit(op)) == 0) {
      decide(op, option, wanted);
      return;
    }
    Option kept = option;
    kept.kept |= bit(op);
    // The output of the layer is kept anyway, as the next one's input.
    kept.keptBytes += left == m_kind.operators.size() ? tensor.savedBytes : tensor.retainedBytes();
    decide(op, kept, wanted);
    option.recomputeNs += tensor.forwardNs;
    for (const int16_t input : m_graph.operators[op].inputs) {
      if (input != plan::kLayerInput) wanted |= bit(static_cast<size_t>(input));
    }
    decide(op, option, wanted);
  }

  const LayerKind& m_kind;
  const plan::LayerGraph& m_graph;
  Kind& m_result;
};

// Walks the combinations of the kinds' options in ascending order of a sum over the stage's layers.
class CheckmatePolicy::Search {
 public:
  Search(const CheckmatePolicy& policy, const StageModel& model, const std::stop_token& stop)
      : m_policy(policy), m_model(model), m_stop(stop), m_checkpointBytes(model.baseBytes()) {
    for (size_t kind = 0; kind < policy.m_kinds.size(); ++kind) {
      if (model.layersOfKind(static_cast<int32_t>(kind)) > 0) m_held.push_back(kind);
    }
    const plan::StageShape& shape = model.shape();
    int64_t inputs = shape.profile.kindOf(shape.firstLayer()).inputBytes;
    for (int32_t layer = shape.firstLayer(); layer < shape.topLayer(); ++layer) {
      inputs += shape.profile.kindOf(layer).operators.back().outputBytes;
    }
    m_checkpointBytes += model.inFlight() * inputs;
  }

  StageChoice run(int64_t budgetBytes) {
    std::optional<StageChoice> fastest;
    const bool ended = inOrder(&Kind::fastest, &Option::recomputeNs, [&](const Indices& indices) {
      if (keptBytes(&Kind::fastest, indices) > budgetBytes) return true;
      StageChoice tried = choice(&Kind::fastest, indices);
      if (tried.peakBytes <= budgetBytes) fastest = std::move(tried);
      return !fastest;
    });
    if (fastest) return std::move(*fastest);
    StageChoice least = leastMemory();
    least.fits = least.peakBytes <= budgetBytes;
    least.complete &= ended;
    return least;
  }

 private:
  using Indices = std::vector<size_t>;  // into the options of m_held's kinds

  // Visits until `visit` returns false. False: too many combinations, or asked to stop.
  template <class Key, class Visit>
  bool inOrder(std::vector<Option> Kind::*order, Key key, Visit visit) const {
    const auto sum = [&](const Indices& indices) {
      int64_t total = 0;
      for (size_t i = 0; i < indices.size(); ++i) {
        const Option& option = (m_policy.m_kinds[m_held[i]].*order)[indices[i]];
        total += m_model.layersOfKind(static_cast<int32_t>(m_held[i])) * (option.*key);
      }
      return total;
    };
    if (m_held.size() == 1) {
      Indices indices{0};
      const size_t count = (m_policy.m_kinds[m_held[0]].*order).size();
      while (indices[0] < count && !m_stop.stop_requested() && visit(indices)) ++indices[0];
      return !m_stop.stop_requested();
    }
    using Entry = std::pair<int64_t, Indices>;
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> open;
    open.push({sum(Indices(m_held.size(), 0)), Indices(m_held.size(), 0)});
    for (int64_t seen = 0; !open.empty(); ++seen) {
      if (seen >= kMostCombinations || m_stop.stop_requested()) return false;
      const Indices indices = open.top().second;
      open.pop();
      if (!visit(indices)) return true;
      // Each combination has one predecessor: its last index that is not 0, less one.
      for (size_t i = indices.size(); i-- > 0;) {
        if (indices[i] + 1 < (m_policy.m_kinds[m_held[i]].*order).size()) {
          Indices next = indices;
          ++next[i];
          open.push({sum(next), next});
        }
        if (indices[i] != 0) break;
      }
    }
    return true;
  }

  // What is held when the most micro-batches have run forward; no backward needs less.
  int64_t keptBytes(std::vector<Option> Kind::*order, const Indices& indices) const {
    int64_t bytes = 0;
    for (size_t i = 0; i < indices.size(); ++i) {
      const Option& option = (m_policy.m_kinds[m_held[i]].*order)[indices[i]];
      bytes += m_model.layersOfKind(static_cast<int32_t>(m_held[i])) * option.keptBytes;
    }
    return m_checkpointBytes + m_model.inFlight() * bytes;
  }

  StageChoice choice(std::vector<Option> Kind::*order, const Indices& indices) const {
    KindPolicies policies(m_policy.m_kinds.size());
    for (size_t i = 0; i < indices.size(); ++i) {
      const size_t kind = m_held[i];
      policies[kind] = placementsOf(m_policy.m_profile.kinds[kind], m_policy.m_graphs[kind],
                                    (m_policy.m_kinds[kind].*order)[indices[i]].kept);
    }
    StageChoice result = choiceOf(m_model, policies);
    for (const size_t kind : m_held) result.complete &= m_policy.m_kinds[kind].complete;
    return result;
  }

  StageChoice leastMemory() const {
    StageChoice least;
    least.peakBytes = std::numeric_limits<int64_t>::max();
    const bool ended = inOrder(&Kind::smallest, &Option::keptBytes, [&](const Indices& indices) {
      if (keptBytes(&Kind::smallest, indices) >= least.peakBytes) return false;
      StageChoice tried = choice(&Kind::smallest, indices);
      if (tried.peakBytes < least.peakBytes) least = std::move(tried);
      return true;
    });
    if (least.layers.empty()) least = choice(&Kind::smallest, Indices(m_held.size(), 0));
    least.complete &= ended;
    return least;
  }

  const CheckmatePolicy& m_policy;
  const StageModel& m_model;
  const std::stop_token& m_stop;
  std::vector<size_t> m_held;  // kinds of which the stage holds layers
  int64_t m_checkpointBytes;
};

CheckmatePolicy::CheckmatePolicy(const profile::Profile& profile) : m_profile(profile) {
  for (const LayerKind& kind : profile.kinds) {
    m_graphs.push_back(plan::graphOf(kind));
    Kind& options = m_kinds.emplace_back();
    Listing(kind, m_graphs.back(), options);
    options.smallest = options.fastest;
    std::sort(options.fastest.begin(), options.fastest.end(), [](const Option& a, const Option& b) {
      return std::tie(a.recomputeNs, a.keptBytes, a.kept) <
             std::tie(b.recomputeNs, b.keptBytes, b.kept);
    });
    std::sort(options.smallest.begin(), options.smallest.end(),
              [](const Option& a, const Option& b) {
                return std::tie(a.keptBytes, a.recomputeNs, a.kept) <
                       std::tie(b.keptBytes, b.recomputeNs, b.kept);
              });
  }
}

StageChoice CheckmatePolicy::solve(const StageModel& model, int64_t budgetBytes,
                                   const std::stop_token& stop) const {
  return Search(*this, model, stop).run(budgetBytes);
}

}  // namespace caracal::planner
