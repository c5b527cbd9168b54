// AdamW; see runtime/kernels/adamw.h.
#pragma once

#include <cuda_bf16.h>

#include "runtime/cuda/kernels/queue.h"
#include "runtime/kernels/adamw.h"

namespace caracal::cuda {

// The arrays of `count` parameters; all but `copy` are fp32.
struct AdamwArrays {
  float* gradient = nullptr;  // zero afterwards
  float* weight = nullptr;
  float* moment1 = nullptr;
  float* moment2 = nullptr;
  __nv_bfloat16* copy = nullptr;  // of the weights, for products in bf16; none: nullptr
};

// One update; `update` counts from 1.
void adamw(Queue& queue, const kernels::AdamwOptions& options, int32_t update, int64_t count,
           const AdamwArrays& arrays);

// copy = weight, rounded.
void copyToBf16(Queue& queue, int64_t count, const float* weight, __nv_bfloat16* copy);

}  // namespace caracal::cuda
