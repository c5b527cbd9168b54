// Flash attention on the multiprocessors' ordinary units, in fp32: for every width and both number
// formats, and what flash_tensor.h is held against. See flash_attention.h.
#pragma once

#include "runtime/cuda/kernels/flash_attention.h"

namespace caracal::cuda {

template <class T>
void scalarFlashForward(Queue& queue, AttentionShape shape, const AttentionDropout& dropout,
                        const T* qkv, T* context, float* logSums);
// deltas: as rowDeltas of flash_attention.cu made them.
template <class T>
void scalarFlashBackward(Queue& queue, AttentionShape shape, const AttentionDropout& dropout,
                         const T* qkv, const float* logSums, const T* dcontext, const float* deltas,
                         T* dqkv);

}  // namespace caracal::cuda
