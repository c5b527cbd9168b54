// The part of a GPT that one rank holds on a GPU, operator by operator: the same operators and
// gradients as the CPU's model::RankModel, put on a lane instead of computed in the call.
//
// Activations and their gradients are fp32 or bf16 (RankShape::elementBytes); weights, gradients of
// weights and moments are fp32, and products in bf16 read a rounded copy of the weights. fc1 leaves
// out its bias, which act adds.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "runtime/cuda/gemm.h"
#include "runtime/executor/job.h"
#include "runtime/kernels/adamw.h"
#include "runtime/model/parameters.h"
#include "runtime/model/rank_model.h"

namespace caracal::cuda {

class RankModel {
 public:
  virtual ~RankModel() = default;

  // Launches; a refusal is remembered by the lane's queue. As in model::RankModel, whose words on
  // `call` hold here for memory of the GPU.
  virtual Result<void> forward(Lane& lane, const model::OperatorCall& call) = 0;
  virtual Result<void> backward(Lane& lane, const model::OperatorCall& call) = 0;
  virtual Result<void> inputGradient(Lane& lane, const model::OperatorCall& call) = 0;
  virtual Result<void> weightGradient(Lane& lane, const model::OperatorCall& call) = 0;

  // A buffer of the GPU.
  struct Buffer {
    void* data = nullptr;
    int64_t bytes = 0;
  };
  virtual Buffer streamGradient() = 0;
  virtual Buffer branchGradient() = 0;
  virtual Buffer branchRows() = 0;  // this rank's rows of the branch's gradient, at their own place
  virtual Buffer gatheredInput() = 0;

  // Fp32, of all parameters.
  virtual Buffer gradients() = 0;
  // Of the buckets (model::bucketsOf()) that a part of the model completes: a layer,
  // plan::kFirstEnd or plan::kLastEnd. A buffer for each range of parameters.
  virtual std::vector<Buffer> gradientsCompletedBy(int32_t part) = 0;
  // Of parameters whose gradients each tensor-parallel rank has summed over its own rows
  // (ParameterSpec::summedOverRows); what touches is one.
  virtual std::vector<Buffer> rowGradients() = 0;
  virtual void update(Lane& lane, const kernels::AdamwOptions& options, int32_t update) = 0;
  // Copies between the GPU and `host`, weights and moments; blocks.
  virtual Result<void> download(Lane& lane, model::ParameterStore& host) = 0;
  virtual Result<void> upload(Lane& lane, const model::ParameterStore& host) = 0;

  // Sum of losses since the last call; blocks.
  virtual Result<double> takeLossSum(Lane& lane) = 0;

 protected:
  RankModel() = default;
  RankModel(const RankModel&) = default;
  RankModel& operator=(const RankModel&) = default;
};

// Takes the memory of fixedMemory() and gives weights their initial values.
Result<std::unique_ptr<RankModel>> makeRankModel(const model::ModelOptions& options,
                                                 std::shared_ptr<const model::TextSource> text,
                                                 std::unique_ptr<Gemm> gemm, Lane& lane);

// All bytes of a rank's model, and the workspaces of both of its lanes.
executor::FixedMemory fixedMemory(const model::RankShape& shape, const model::HeldLayers& layers);

}  // namespace caracal::cuda
