// Backward looks from the table: a thread owns one number of it and walks the tokens in order, so
// that no two threads add to the same place.
#include "runtime/cuda/kernels/embedding.h"

#include "runtime/cuda/kernels/device_math.h"

namespace caracal::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int64_t kTokenValues = 256;  // tokens are bytes

template <class T>
__global__ void forward(EmbeddingShape shape, int64_t rows, const uint8_t* tokens,
                        const float* table, const float* positions, T* y) {
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= rows * shape.hidden) return;
  const int64_t t = i / shape.hidden;
  const int64_t column = i % shape.hidden;
  y[i] = fromFloat<T>(table[tokens[t] * shape.hidden + column] +
                      positions[(shape.firstToken + t) % shape.sequence * shape.hidden + column]);
}

// Block (columns, token value).
template <class T>
__global__ void backwardTable(EmbeddingShape shape, int64_t rows, const uint8_t* tokens,
                              const T* dy, float* dtable) {
  const int64_t column = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (column >= shape.hidden) return;
  const int64_t at = blockIdx.y * shape.hidden + column;
  float sum = dtable[at];
  for (int64_t t = 0; t < rows; ++t) {
    if (tokens[t] == blockIdx.y) sum += toFloat(dy[t * shape.hidden + column]);
  }
  dtable[at] = sum;
}

// Block (columns, position).
template <class T>
__global__ void backwardPositions(EmbeddingShape shape, int64_t rows, const T* dy,
                                  float* dpositions) {
  const int64_t column = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (column >= shape.hidden) return;
  const int64_t at = blockIdx.y * shape.hidden + column;
  float sum = dpositions[at];
  const int64_t before =
      shape.firstToken % shape.sequence;  // of the sequence the first token is in
  const int64_t first = (blockIdx.y + shape.sequence - before) % shape.sequence;
  for (int64_t t = first; t < rows; t += shape.sequence)
    sum += toFloat(dy[t * shape.hidden + column]);
  dpositions[at] = sum;
}

}  // namespace

template <class T>
void embeddingForward(Queue& queue, EmbeddingShape shape, int64_t rows, const uint8_t* tokens,
                      const float* table, const float* positions, T* y) {
  launch(queue, "embeddingForward", forward<T>,
         {ceilDiv(rows * shape.hidden, kThreads), dim3(kThreads)}, shape, rows, tokens, table,
         positions, y);
}

template <class T>
void embeddingBackward(Queue& queue, EmbeddingShape shape, int64_t rows, const uint8_t* tokens,
                       const T* dy, float* dtable, float* dpositions) {
  const int64_t columns = ceilDiv(shape.hidden, kThreads);
  launch(queue, "embeddingTable", backwardTable<T>, {columns, dim3(kThreads), 0, kTokenValues},
         shape, rows, tokens, dy, dtable);
  launch(queue, "embeddingPositions", backwardPositions<T>,
         {columns, dim3(kThreads), 0, shape.sequence}, shape, rows, dy, dpositions);
}

template void embeddingForward(Queue&, EmbeddingShape, int64_t, const uint8_t*, const float*,
                               const float*, float*);
template void embeddingForward(Queue&, EmbeddingShape, int64_t, const uint8_t*, const float*,
                               const float*, Bf16*);
template void embeddingBackward(Queue&, EmbeddingShape, int64_t, const uint8_t*, const float*,
                                float*, float*);
template void embeddingBackward(Queue&, EmbeddingShape, int64_t, const uint8_t*, const Bf16*,
                                float*, float*);

}  // namespace caracal::cuda
