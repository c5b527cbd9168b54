// Gradients of activations of one rank and scratch, as model::Workspace on the CPU; written by one
// operator's backward and read by the next.
#pragma once

#include <algorithm>

#include "runtime/cuda/check.h"
#include "runtime/cuda/gemm.h"
#include "runtime/cuda/kernels/layer_norm.h"
#include "runtime/model/shape.h"

namespace caracal::cuda {

// Numbers in each buffer.
struct WorkspaceCounts {
  WorkspaceCounts(const model::RankShape& shape, bool holdsHead)
      : stream(shape.rows() * shape.hidden),
        hidden(shape.tokens() * shape.hidden),
        gathered(shape.sequenceParallel ? hidden : 0),
        ffn(shape.tokens() * shape.localFfn()),
        context(shape.tokens() * shape.localHidden()),
        qkv(3 * context),
        probabilities(shape.fusedAttention ? 0
                                           : shape.tokens() * shape.localHeads() * shape.sequence),
        logits(holdsHead ? shape.tokens() * shape.vocabulary : 0),
        scratch(std::max(
            {layerNormScratch({shape.rows(), shape.hidden}), columnSumScratch(shape.localFfn()),
             columnSumScratch(3 * shape.localHidden()), shape.tokens() * shape.localHeads()})),
        tokens(2 * shape.microBatches * shape.tokens()) {}

  // In the numbers of activations.
  int64_t stream, hidden, gathered, ffn, context, qkv, probabilities, logits;
  int64_t scratch;  // fp32
  int64_t tokens;   // bytes: inputs, targets

  // With the sum of losses and the workspaces of two lanes.
  int64_t bytes(int64_t elementBytes) const {
    return (stream + hidden + gathered + ffn + context + qkv + probabilities + logits) *
               elementBytes +
           scratch * static_cast<int64_t>(sizeof(float)) + tokens +
           static_cast<int64_t>(sizeof(double)) + 2 * kGemmWorkspaceBytes;
  }
};

template <class T>
struct Workspace {
  DeviceArray<T> stream;         // (rows, hidden): gradient of the residual stream
  DeviceArray<T> branch;         // (tokens, hidden): of what enters or leaves attention or MLP
  DeviceArray<T> gathered;       // (tokens, hidden): a product's input again, for the gradient of
                                 // its weights; with sequence parallelism only
  DeviceArray<T> ffn;            // (tokens, ffn / t)
  DeviceArray<T> context;        // (tokens, hidden / t)
  DeviceArray<T> qkv;            // (tokens, 3 hidden / t)
  DeviceArray<T> probabilities;  // (batch, heads / t, sequence, sequence); unfused attention only
  DeviceArray<T> logits;         // (tokens, vocabulary); last stage only
  DeviceArray<float> scratch;
  DeviceArray<uint8_t> tokens;  // (micro-batch, inputs and targets, tokens)
  DeviceArray<double> lossSum;

  static Result<Workspace> make(const WorkspaceCounts& counts) {
    Workspace w;
    CARACAL_CHECK_OK(take(counts.stream, w.stream));
    CARACAL_CHECK_OK(take(counts.hidden, w.branch));
    CARACAL_CHECK_OK(take(counts.gathered, w.gathered));
    CARACAL_CHECK_OK(take(counts.ffn, w.ffn));
    CARACAL_CHECK_OK(take(counts.context, w.context));
    CARACAL_CHECK_OK(take(counts.qkv, w.qkv));
    CARACAL_CHECK_OK(take(counts.probabilities, w.probabilities));
    CARACAL_CHECK_OK(take(counts.logits, w.logits));
    CARACAL_CHECK_OK(take(counts.scratch, w.scratch));
    CARACAL_CHECK_OK(take(counts.tokens, w.tokens));
    CARACAL_CHECK_OK(take(1, w.lossSum));
    return w;
  }

 private:
  template <class N>
  static Result<void> take(int64_t count, DeviceArray<N>& array) {
    CARACAL_TRY(made, DeviceArray<N>::make(count));
    array = std::move(made);
    return {};
  }
};

}  // namespace caracal::cuda
