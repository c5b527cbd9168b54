// What one rank holds of the model: sizes of its tensors after tensor parallelism.
//
// The layers are split over the tensor-parallel group as in Megatron-LM (Shoeybi et al., arXiv
// 1909.08053): attention by heads, the MLP by columns. The ends of the model (embedding, final
// norm, head, loss) are held whole by every rank of their stage: a byte vocabulary is small.
//
// With sequence parallelism (Korthikanti et al., arXiv 2205.05198) norms, residuals and dropouts
// work on rows: each rank of the group has an equal share of the micro-batch's tokens (batch *
// sequence, in that order), consecutive and in rank order. A micro-batch of one sequence is split
// as Megatron-LM does it.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/base/result.h"
#include "core/profile/model_description.h"

namespace caracal::model {

struct RankShape {
  int64_t batch = 0, sequence = 0;
  int64_t hidden = 0, ffn = 0, heads = 0, vocabulary = 0;  // of the whole model
  int64_t tensorSize = 1, tensorIndex = 0;
  float dropout = 0;
  int64_t elementBytes = 4;  // of an activation
  bool fusedAttention = false;
  int32_t microBatches = 1;  // per step and replica
  bool sequenceParallel = false;

  int64_t tokens() const { return batch * sequence; }  // of a micro-batch
  // Of the residual stream on this rank.
  int64_t rows() const { return sequenceParallel ? tokens() / tensorSize : tokens(); }
  int64_t firstRow() const { return sequenceParallel ? tensorIndex * rows() : 0; }
  int64_t headWidth() const { return hidden / heads; }
  int64_t localHeads() const { return heads / tensorSize; }
  int64_t localHidden() const { return hidden / tensorSize; }
  int64_t localFfn() const { return ffn / tensorSize; }
};
RankShape rankShape(const profile::ModelShape& model, const profile::ParallelShape& parallel,
                    int32_t tensorIndex, bool fusedAttention = false);

// What backends differ in.
struct Abilities {
  std::string_view backend = "CPU";
  bool bf16 = false;            // beside fp32
  bool fusedAttention = false;  // beside unfused
  bool distributedOptimizer = false;
};

// Whether a backend can train the model, in words if not: dense attention, a vocabulary that holds
// all bytes, sizes that divide.
Result<void> checkRunnable(const profile::ModelDescription& description,
                           const Abilities& abilities = {});

}  // namespace caracal::model
