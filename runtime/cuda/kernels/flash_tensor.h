// Flash attention on tensor cores: products of bf16 matrices with sums in fp32, probabilities and
// gradients of scores rounded to bf16 in between (Dao, arXiv 2307.08691). See flash_attention.h.
#pragma once

#include <cuda_bf16.h>

#include "runtime/cuda/kernels/flash_attention.h"

namespace caracal::cuda {

// Rows of a head must begin at multiples of 16 bytes.
constexpr bool tensorFlashTakes(AttentionShape shape) {
  return shape.headWidth % 8 == 0 && shape.headWidth <= kMostHeadWidth;
}

// REQUIRES tensorFlashTakes(shape), and arrays that begin at multiples of 16 bytes.
void tensorFlashForward(Queue& queue, AttentionShape shape, const AttentionDropout& dropout,
                        const __nv_bfloat16* qkv, __nv_bfloat16* context, float* logSums);
void tensorFlashBackward(Queue& queue, AttentionShape shape, const AttentionDropout& dropout,
                         const __nv_bfloat16* qkv, const float* logSums,
                         const __nv_bfloat16* dcontext, const float* deltas, __nv_bfloat16* dqkv);

}  // namespace caracal::cuda
