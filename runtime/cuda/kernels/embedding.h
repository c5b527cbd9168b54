// Token plus position embedding; see runtime/kernels/embedding.h. tokens (rows, from
// shape.firstToken on) on the device;
// table (vocabulary, hidden), positions (sequence, hidden) and their gradients in fp32; y, dy
// (rows, hidden) in T.
#pragma once

#include "runtime/cuda/kernels/queue.h"
#include "runtime/kernels/embedding.h"

namespace caracal::cuda {

using kernels::EmbeddingShape;

template <class T>
void embeddingForward(Queue& queue, EmbeddingShape shape, int64_t rows, const uint8_t* tokens,
                      const float* table, const float* positions, T* y);
// Adds to dtable and dpositions, token by token in order.
template <class T>
void embeddingBackward(Queue& queue, EmbeddingShape shape, int64_t rows, const uint8_t* tokens,
                       const T* dy, float* dtable, float* dpositions);

}  // namespace caracal::cuda
