// What a model description and the stages of somebody else's trace must agree on, and which layers
// each stage held. Part of profileFromStages() (profile_from_trace.h).
#pragma once

#include <cstdint>
#include <numeric>
#include <vector>

#include "core/analysis/step_model.h"
#include "core/base/result.h"
#include "core/profile/model_description.h"
#include "core/trace/trace.h"

namespace caracal::profile {

// The description with the replicas, stages and micro-batches that the trace shows. Fails, in
// words, where both contradict each other, and where the trace holds no complete step of all
// stages.
Result<ModelDescription> describedAsRun(ModelDescription description, const trace::Trace& trace,
                                        const analysis::StepModel& model);

// The model's layers cut into consecutive chunks; chunk c is on stage c mod stages, so that each
// stage holds one chunk, or several in an interleaved schedule.
struct StagePartition {
  std::vector<int32_t> layersOfChunk;
  int32_t stages = 1;

  template <class Visit>  // (index of a layer of the model)
  void forEachLayer(size_t stage, Visit visit) const {
    size_t layer = 0;
    for (size_t chunk = 0; chunk < layersOfChunk.size(); ++chunk) {
      for (int32_t l = 0; l < layersOfChunk[chunk]; ++l, ++layer) {
        if (chunk % static_cast<size_t>(stages) == stage) visit(layer);
      }
    }
  }
  // Layers of each stage, its chunks together.
  std::vector<int32_t> layersOfStages() const;
};

// `layersOfChunk` empty: even, the first chunks take the remainder. kInvalidInput unless there is a
// positive number for each chunk and they add up to the model's layers.
Result<StagePartition> partitionOf(std::vector<int32_t> layersOfChunk,
                                   const ModelDescription& description, int32_t chunksPerStage);

}  // namespace caracal::profile
