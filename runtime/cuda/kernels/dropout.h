// Dropout; see runtime/kernels/dropout.h, whose bits these are in fp32.
#pragma once

#include "runtime/cuda/kernels/queue.h"
#include "runtime/kernels/dropout.h"

namespace caracal::cuda {

// Several blocks of `range.count` consecutive elements each; those of block b begin at element
// range.first + b * stride of the whole tensor, and follow each other in this rank's.
// REQUIRES first, count and stride to be multiples of 4.
struct DropoutBlocks {
  kernels::ElementRange range;
  int64_t blocks = 1;
  int64_t stride = 0;
};

// y = x * mask / (1 - probability), y and x may be the same.
template <class T>
void dropout(Queue& queue, const kernels::DropoutSite& site, const DropoutBlocks& blocks,
             const T* x, T* y);

// y = base + dropout(x + bias): x, y, base (count / width, width) in T, bias (width) in fp32.
// REQUIRES width to be a multiple of 4.
template <class T>
void biasDropoutAdd(Queue& queue, const kernels::DropoutSite& site, kernels::ElementRange range,
                    int64_t width, const T* x, const float* bias, const T* base, T* y);

}  // namespace caracal::cuda
