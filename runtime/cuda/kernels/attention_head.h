// What the kernels of flash attention share: where the matrices of a head lie, and the factors of
// its dropout. Included by .cu files only.
#pragma once

#include "runtime/cuda/kernels/dropout_mask.h"
#include "runtime/cuda/kernels/flash_attention.h"

namespace caracal::cuda {

// One (batch, head) pair, and where its matrices lie: row i of each begins at base + i * stride.
struct Head {
  int64_t sequence, width;
  int64_t stride, base;                // of q in qkv; k and v follow
  int64_t contextStride, contextBase;  // of context
  int64_t firstSum;                    // of logSums and deltas
  int64_t firstElement;                // of its probabilities in the whole model, for dropout
  float scale;

  __device__ Head(AttentionShape shape, const AttentionDropout& dropout, int64_t index)
      : sequence(shape.sequence), width(shape.headWidth) {
    const int64_t batch = index / shape.heads;
    const int64_t head = index % shape.heads;
    contextStride = shape.heads * width;
    stride = 3 * contextStride;
    base = batch * sequence * stride + head * width;
    contextBase = batch * sequence * contextStride + head * width;
    firstSum = index * sequence;
    firstElement = (batch * dropout.headsOfModel + dropout.firstHead + head) * sequence * sequence;
    scale = 1.0F / sqrtf(static_cast<float>(width));
  }
};

// A matrix of a head, row by row.
template <class T>
struct HeadRows {
  T* first;
  int64_t stride;
};
template <class T>
__device__ __forceinline__ HeadRows<T> queriesOf(const Head& head, T* qkv) {
  return {qkv + head.base, head.stride};
}
template <class T>
__device__ __forceinline__ HeadRows<T> keysOf(const Head& head, T* qkv) {
  return {qkv + head.base + head.contextStride, head.stride};
}
template <class T>
__device__ __forceinline__ HeadRows<T> valuesOf(const Head& head, T* qkv) {
  return {qkv + head.base + 2 * head.contextStride, head.stride};
}
template <class T>
__device__ __forceinline__ HeadRows<T> contextOf(const Head& head, T* context) {
  return {context + head.contextBase, head.contextStride};
}

__device__ __forceinline__ float dropFactor(const DropoutMask& mask, const Head& head,
                                            int64_t query, int64_t key) {
  if (mask.threshold == 0) return 1;
  return mask.factorOf(head.firstElement + query * head.sequence + key);
}

// The probability of one (query, key), as dropout left it, and the gradient of its score. `score`:
// product of query and key; `product`: of the context's gradient and value.
struct Pair {
  float dropped = 0, gradient = 0;
};
__device__ __forceinline__ Pair pairOf(const Head& head, const DropoutMask& mask, int64_t query,
                                       int64_t key, float score, float product, float logSum,
                                       float delta) {
  if (key > query || query >= head.sequence) return {};
  const float p = expf(score * head.scale - logSum);
  const float factor = dropFactor(mask, head, query, key);
  return {p * factor, p * (product * factor - delta) * head.scale};
}

inline DropoutMask maskOf(const AttentionDropout& dropout) {
  return dropout.site.probability > 0 ? maskOf(dropout.site) : DropoutMask{};
}

}  // namespace caracal::cuda
