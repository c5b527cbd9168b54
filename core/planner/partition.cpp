#include "core/planner/partition.h"

#include <algorithm>
#include <functional>

namespace caracal::planner {
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

std::string megatronPartitionRule(const std::vector<int32_t>& layersOfStage) {
  const auto equal = [&](size_t begin, size_t end) {
    return std::adjacent_find(layersOfStage.begin() + static_cast<std::ptrdiff_t>(begin),
                              layersOfStage.begin() + static_cast<std::ptrdiff_t>(end),
                              std::not_equal_to<>()) ==
           layersOfStage.begin() + static_cast<std::ptrdiff_t>(end);
  };
  const size_t stages = layersOfStage.size();
  if (equal(0, stages)) return "Megatron-LM takes equal stages without further flags";
  if (stages >= 2 && equal(1, stages - 1)) {
    return fmt::format(
        "Megatron-LM takes this partition by --decoder-first-pipeline-num-layers {} and "
        "--decoder-last-pipeline-num-layers {}; the layers between divide evenly",
        layersOfStage.front(), layersOfStage.back());
  }
  return "Megatron-LM takes this partition only by --pipeline-model-parallel-layout "
         "(experimental): "
         "the stages between the first and the last do not divide evenly";
}

}  // namespace caracal::planner
