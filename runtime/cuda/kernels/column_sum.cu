#include "runtime/cuda/kernels/column_sum.h"

#include "runtime/cuda/kernels/column_tile.h"

namespace caracal::cuda {
namespace {

constexpr int kThreads = 128;

template <class T>
__global__ void partialSums(RowShape shape, const T* x, float* partial) {
  sumColumnTile(shape, partial, [=](int64_t row, int64_t column) {
    return toFloat(x[row * shape.width + column]);
  });
}

__global__ void addPartials(int64_t width, const float* partial, float* out) {
  const int64_t column = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (column >= width) return;
  float sum = 0;
  for (int64_t chunk = 0; chunk < kRowChunks; ++chunk) sum += partial[chunk * width + column];
  out[column] += sum;
}

}  // namespace

void addPartialSums(Queue& queue, int64_t width, const float* partial, float* out) {
  launch(queue, "addPartials", addPartials, {ceilDiv(width, kThreads), dim3(kThreads)}, width,
         partial, out);
}

template <class T>
void addColumnSums(Queue& queue, RowShape shape, const T* x, float* scratch, float* out) {
  launch(queue, "partialSums", partialSums<T>, columnTileShape(shape.width), shape, x, scratch);
  addPartialSums(queue, shape.width, scratch, out);
}

template void addColumnSums(Queue&, RowShape, const float*, float*, float*);
template void addColumnSums(Queue&, RowShape, const Bf16*, float*, float*);

}  // namespace caracal::cuda
