// Sums over the rows of a matrix, always in the same order: rows are cut into a fixed number of
// chunks, each chunk is summed, then the chunks. Neither the number of multiprocessors nor timing
// can change a bit.
#pragma once

#include "runtime/cuda/kernels/queue.h"
#include "runtime/kernels/layer_norm.h"

namespace caracal::cuda {

using kernels::RowShape;

inline constexpr int64_t kRowChunks = 32;

// Floats of scratch that addColumnSums() needs.
constexpr int64_t columnSumScratch(int64_t width) {
  return kRowChunks * width;
}

// out += sums over rows; x (rows, width), out (width).
template <class T>
void addColumnSums(Queue& queue, RowShape shape, const T* x, float* scratch, float* out);

// out += sums of the kRowChunks rows of `partial`.
void addPartialSums(Queue& queue, int64_t width, const float* partial, float* out);

}  // namespace caracal::cuda
