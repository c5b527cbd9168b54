#include "core/profile/stage_partition.h"

#include <algorithm>

namespace caracal::profile {
namespace {

std::vector<int32_t> evenLayers(int32_t layers, int32_t chunks) {
  std::vector<int32_t> result;
  for (int32_t c = 0; c < chunks; ++c)
    result.push_back(layers / chunks + (c < layers % chunks ? 1 : 0));
  return result;
}

}  // namespace

// The description as the trace shows the job: replicas, stages and micro-batches are the trace's.
Result<ModelDescription> describedAsRun(ModelDescription description, const trace::Trace& trace,
                                        const analysis::StepModel& model) {
  ParallelShape& parallel = description.parallel;
  if (parallel.pipeline != 1 && parallel.pipeline != model.stageCount) {
    return fail(
        ErrorCode::kInvalidInput,
        "the model description says pp {}, the trace shows {} stages; correct the description",
        parallel.pipeline, model.stageCount);
  }
  const std::string tensor = trace.metaOr("tp", "");
  if (!tensor.empty() && tensor != std::to_string(parallel.tensor)) {
    return fail(ErrorCode::kInvalidInput,
                "the model description says tp {}, the trace says tp {}; correct the description",
                parallel.tensor, tensor);
  }
  if (model.tensorSize > 1 && model.tensorSize != parallel.tensor) {
    return fail(
        ErrorCode::kInvalidInput,
        "the model description says tp {}, the trace shows {} tensor-parallel ranks; correct "
        "the description",
        parallel.tensor, model.tensorSize);
  }
  if (model.microBatches <= 0 || static_cast<int32_t>(model.stages.size()) != model.stageCount) {
    return fail(ErrorCode::kCannotAnswer,
                "the trace has no complete step of all {} stages with one number of micro-batches; "
                "open the traces of all stages",
                model.stageCount);
  }
  parallel.pipeline = model.stageCount;
  parallel.data = model.replicaCount;
  parallel.microBatches = model.microBatches;
  CARACAL_CHECK_OK(validate(description));
  if (description.gpu.empty()) {
    return fail(ErrorCode::kInvalidInput,
                "the model description names no \"gpu\"; operators inside the measured stages are "
                "estimated for one, so add for example \"gpu\": \"a100-80gb\"");
  }
  return description;
}

std::vector<int32_t> StagePartition::layersOfStages() const {
  std::vector<int32_t> layers(static_cast<size_t>(stages));
  for (size_t chunk = 0; chunk < layersOfChunk.size(); ++chunk)
    layers[chunk % layers.size()] += layersOfChunk[chunk];
  return layers;
}

Result<StagePartition> partitionOf(std::vector<int32_t> layersOfChunk,
                                   const ModelDescription& description, int32_t chunksPerStage) {
  const int32_t stages = description.parallel.pipeline;
  const int32_t chunks = stages * chunksPerStage;
  if (layersOfChunk.empty()) {
    if (description.shape.layers < chunks) {
      return fail(ErrorCode::kInvalidInput,
                  "the trace shows {} chunks of the model, the description has {} layers; correct "
                  "the description",
                  chunks, description.shape.layers);
    }
    return StagePartition{evenLayers(description.shape.layers, chunks), stages};
  }
  const auto sum = std::accumulate(layersOfChunk.begin(), layersOfChunk.end(), int32_t{0});
  const bool positive =
      std::all_of(layersOfChunk.begin(), layersOfChunk.end(), [](int32_t n) { return n > 0; });
  if (static_cast<int32_t>(layersOfChunk.size()) != chunks || sum != description.shape.layers ||
      !positive) {
    return fail(ErrorCode::kInvalidInput,
                "the layers per {} must be {} positive numbers that add up to {} layers",
                chunksPerStage > 1 ? "model chunk" : "stage", chunks, description.shape.layers);
  }
  return StagePartition{std::move(layersOfChunk), stages};
}

}  // namespace caracal::profile
