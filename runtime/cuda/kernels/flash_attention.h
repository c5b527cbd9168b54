// Causal self-attention in one kernel, without the (sequence, sequence) matrices (Dao et al., arXiv
// 2205.14135): scores, softmax, dropout and context of runtime/kernels/attention.h tile by tile, in
// fp32; for bf16 on tensor cores where heads allow it (flash_tensor.h). Backward makes the
// probabilities again from the saved log-sums and needs no atomics, so that its sums have one
// order.
//
// qkv, dqkv (batch, sequence, 3, heads, headWidth); context, dcontext (batch, sequence, heads,
// headWidth) in T; logSums, deltas (batch, heads, sequence) in fp32.
#pragma once

#include "runtime/cuda/kernels/queue.h"
#include "runtime/kernels/attention.h"
#include "runtime/kernels/dropout.h"

namespace caracal::cuda {

using kernels::AttentionShape;

inline constexpr int64_t kMostHeadWidth = 128;

// Dropout of the probabilities, whose heads are a slice of the model's.
struct AttentionDropout {
  kernels::DropoutSite site;
  int64_t firstHead = 0, headsOfModel = 0;
};

// REQUIRES headWidth <= kMostHeadWidth, in all.
template <class T>
void flashForward(Queue& queue, AttentionShape shape, const AttentionDropout& dropout, const T* qkv,
                  T* context, float* logSums);
// Writes all of dqkv. deltas: scratch.
template <class T>
void flashBackward(Queue& queue, AttentionShape shape, const AttentionDropout& dropout,
                   const T* qkv, const T* context, const float* logSums, const T* dcontext,
                   float* deltas, T* dqkv);

}  // namespace caracal::cuda
