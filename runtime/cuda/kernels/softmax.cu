// A warp takes a row.
#include "runtime/cuda/kernels/softmax.h"

#include "runtime/cuda/kernels/device_math.h"

namespace caracal::cuda {
namespace {

constexpr int kRowsPerBlock = 4;

struct Rows {
  int64_t count, sequence;
};

Rows rowsOf(AttentionShape shape) {
  return {shape.batch * shape.heads * shape.sequence, shape.sequence};
}

LaunchShape rowsShape(Rows rows) {
  return {ceilDiv(rows.count, kRowsPerBlock), dim3(kRowsPerBlock * kWarp)};
}

__device__ __forceinline__ int64_t rowOfWarp() {
  return int64_t{blockIdx.x} * kRowsPerBlock + threadIdx.x / kWarp;
}

template <class T>
__global__ void forward(Rows rows, const T* scores, T* probabilities) {
  const int64_t r = rowOfWarp();
  if (r >= rows.count) return;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const T* in = scores + r * rows.sequence;
  T* out = probabilities + r * rows.sequence;
  const int64_t visible = r % rows.sequence + 1;
  float largest = kLowest;
  for (int64_t j = lane; j < visible; j += kWarp) {
    const float score = toFloat(in[j]);
    largest = score > largest ? score : largest;
  }
  largest = warpMax(largest);
  float sum = 0;
  for (int64_t j = lane; j < visible; j += kWarp) sum += expf(toFloat(in[j]) - largest);
  const float inverse = 1.0F / warpSum(sum);
  for (int64_t j = lane; j < rows.sequence; j += kWarp)
    out[j] = fromFloat<T>(j < visible ? expf(toFloat(in[j]) - largest) * inverse : 0.0F);
}

// dscore_j = p_j (dp_j - sum_k p_k dp_k); p is 0 right of the diagonal.
template <class T>
__global__ void backward(Rows rows, const T* probabilities, T* gradient) {
  const int64_t r = rowOfWarp();
  if (r >= rows.count) return;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const T* p = probabilities + r * rows.sequence;
  T* d = gradient + r * rows.sequence;
  float dot = 0;
  for (int64_t j = lane; j < rows.sequence; j += kWarp) dot += toFloat(p[j]) * toFloat(d[j]);
  dot = warpSum(dot);
  for (int64_t j = lane; j < rows.sequence; j += kWarp)
    d[j] = fromFloat<T>(toFloat(p[j]) * (toFloat(d[j]) - dot));
}

}  // namespace

template <class T>
void causalSoftmaxForward(Queue& queue, AttentionShape shape, const T* scores, T* probabilities) {
  const Rows rows = rowsOf(shape);
  launch(queue, "causalSoftmaxForward", forward<T>, rowsShape(rows), rows, scores, probabilities);
}

template <class T>
void causalSoftmaxBackward(Queue& queue, AttentionShape shape, const T* probabilities,
                           T* gradient) {
  const Rows rows = rowsOf(shape);
  launch(queue, "causalSoftmaxBackward", backward<T>, rowsShape(rows), rows, probabilities,
         gradient);
}

template void causalSoftmaxForward(Queue&, AttentionShape, const float*, float*);
template void causalSoftmaxForward(Queue&, AttentionShape, const Bf16*, Bf16*);
template void causalSoftmaxBackward(Queue&, AttentionShape, const float*, float*);
template void causalSoftmaxBackward(Queue&, AttentionShape, const Bf16*, Bf16*);

}  // namespace caracal::cuda
