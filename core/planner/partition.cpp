#include "core/planner/partition.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace caracal::planner {
namespace {

// First memory, then time.
bool better(const Candidate& a, const Candidate& b, int64_t budgetBytes) {
  return std::tuple(a.excessBytes(budgetBytes), a.stepNs) <
         std::tuple(b.excessBytes(budgetBytes), b.stepNs);
}

std::vector<size_t> fastestFirst(const Candidate& candidate) {
  std::vector<size_t> stages(candidate.loadNs.size());
  std::iota(stages.begin(), stages.end(), size_t{0});
  const auto& key = candidate.feasible() ? candidate.loadNs : candidate.peakBytes;
  std::stable_sort(stages.begin(), stages.end(),
                   [&](size_t a, size_t b) { return key[a] < key[b]; });
  return stages;
}

}  // namespace

Result<void> checkPartition(const std::vector<int32_t>& layersOfStage, int32_t layers,
                            int32_t stages) {
  if (static_cast<int32_t>(layersOfStage.size()) != stages) {
    return fail(ErrorCode::kInvalidInput, "the partition names {} stages, the pipeline has {}",
                layersOfStage.size(), stages);
  }
  int64_t sum = 0;
  for (size_t s = 0; s < layersOfStage.size(); ++s) {
    if (layersOfStage[s] < 1) {
      return fail(ErrorCode::kInvalidInput,
                  "stage {} has {} layers; every stage needs at least one", s, layersOfStage[s]);
    }
    sum += layersOfStage[s];
  }
  if (sum != layers) {
    return fail(ErrorCode::kInvalidInput, "the partition holds {} layers, the model has {}", sum,
                layers);
  }
  return {};
}

Result<std::vector<int32_t>> evenPartition(int32_t layers, int32_t stages) {
  if (stages < 1 || layers < stages) {
    return fail(ErrorCode::kInvalidInput,
                "{} layers cannot fill {} pipeline stages; every stage needs at least one", layers,
                stages);
  }
  std::vector<int32_t> layersOfStage;
  for (int32_t s = 0; s < stages; ++s)
    layersOfStage.push_back(layers / stages + (s < layers % stages ? 1 : 0));
  return layersOfStage;
}

Result<std::vector<int32_t>> greedyPartition(std::vector<int32_t> start, int64_t budgetBytes,
                                             const EvaluatePartition& evaluate,
                                             const Progress& progress) {
  std::vector<int32_t> partition = std::move(start);
  CARACAL_TRY(first, evaluate(partition));
  Candidate best = std::move(first);
  const double mostMoves = std::accumulate(partition.begin(), partition.end(), 0.0);
  for (double move = 0;; ++move) {
    report(progress, std::min(0.9, move / mostMoves), "moving layers between stages");
    const std::vector<size_t> stages = fastestFirst(best);
    const size_t from = stages.back();
    bool moved = false;
    for (size_t to : stages) {
      if (to == from || partition[from] == 1) continue;
      std::vector<int32_t> tried = partition;
      --tried[from];
      ++tried[to];
      CARACAL_TRY(candidate, evaluate(tried));
      if (!better(candidate, best, budgetBytes)) continue;
      best = std::move(candidate);
      partition = std::move(tried);
      moved = true;
      break;
    }
    if (!moved) return partition;
  }
}

}  // namespace caracal::planner
