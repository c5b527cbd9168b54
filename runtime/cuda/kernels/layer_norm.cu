// A warp takes a row. The row is read three times, twice from cache.
#include "runtime/cuda/kernels/layer_norm.h"

#include "runtime/cuda/kernels/column_tile.h"

namespace caracal::cuda {
namespace {

constexpr float kEpsilon = 1e-5F;
constexpr int kRowsPerBlock = 4;
constexpr int kThreads = kRowsPerBlock * kWarp;

struct Moments {
  float mean, inverseDeviation;
};

LaunchShape rowsShape(RowShape shape) {
  return {ceilDiv(shape.rows, kRowsPerBlock), dim3(kThreads)};
}

__device__ __forceinline__ int64_t rowOfWarp() {
  return int64_t{blockIdx.x} * kRowsPerBlock + threadIdx.x / kWarp;
}

template <class T>
__device__ __forceinline__ Moments momentsOf(const T* row, int64_t width, int lane) {
  float sum = 0;
  for (int64_t i = lane; i < width; i += kWarp) sum += toFloat(row[i]);
  const float mean = warpSum(sum) / static_cast<float>(width);
  float squares = 0;
  for (int64_t i = lane; i < width; i += kWarp) {
    const float d = toFloat(row[i]) - mean;
    squares += d * d;
  }
  const float variance = warpSum(squares) / static_cast<float>(width);
  return {mean, 1.0F / sqrtf(variance + kEpsilon)};
}

template <class T>
__global__ void forward(RowShape shape, const T* x, const float* gamma, const float* beta, T* y) {
  const int64_t r = rowOfWarp();
  if (r >= shape.rows) return;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const T* row = x + r * shape.width;
  const Moments m = momentsOf(row, shape.width, lane);
  for (int64_t i = lane; i < shape.width; i += kWarp) {
    const float normal = (toFloat(row[i]) - m.mean) * m.inverseDeviation;
    y[r * shape.width + i] = fromFloat<T>(normal * gamma[i] + beta[i]);
  }
}

// With xhat = (x - mean) / dev and g = dy gamma:  dx = (g - mean(g) - xhat mean(g xhat)) / dev.
template <class T>
__global__ void backwardRows(RowShape shape, const T* x, const float* gamma, const T* dy, T* dx,
                             Moments* moments) {
  const int64_t r = rowOfWarp();
  if (r >= shape.rows) return;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const T* row = x + r * shape.width;
  const T* grad = dy + r * shape.width;
  T* out = dx + r * shape.width;
  const Moments m = momentsOf(row, shape.width, lane);
  float sumG = 0;
  float sumGX = 0;
  for (int64_t i = lane; i < shape.width; i += kWarp) {
    const float g = toFloat(grad[i]) * gamma[i];
    sumG += g;
    sumGX += g * ((toFloat(row[i]) - m.mean) * m.inverseDeviation);
  }
  const float meanG = warpSum(sumG) / static_cast<float>(shape.width);
  const float meanGX = warpSum(sumGX) / static_cast<float>(shape.width);
  for (int64_t i = lane; i < shape.width; i += kWarp) {
    const float normal = (toFloat(row[i]) - m.mean) * m.inverseDeviation;
    const float g = toFloat(grad[i]) * gamma[i];
    out[i] = fromFloat<T>(toFloat(out[i]) + (g - meanG - normal * meanGX) * m.inverseDeviation);
  }
  if (lane == 0) moments[r] = m;
}

template <class T>
__global__ void partialGammas(RowShape shape, const T* x, const T* dy, const Moments* moments,
                              float* partial) {
  sumColumnTile(shape, partial, [=](int64_t row, int64_t column) {
    const int64_t i = row * shape.width + column;
    return toFloat(dy[i]) * ((toFloat(x[i]) - moments[row].mean) * moments[row].inverseDeviation);
  });
}

}  // namespace

template <class T>
void layerNormForward(Queue& queue, RowShape shape, const T* x, const float* gamma,
                      const float* beta, T* y) {
  launch(queue, "layerNormForward", forward<T>, rowsShape(shape), shape, x, gamma, beta, y);
}

template <class T>
void layerNormBackward(Queue& queue, RowShape shape, const T* x, const float* gamma, const T* dy,
                       float* scratch, T* dx, float* dgamma, float* dbeta) {
  auto* moments = reinterpret_cast<Moments*>(scratch);
  float* partial = scratch + 2 * shape.rows;
  launch(queue, "layerNormBackward", backwardRows<T>, rowsShape(shape), shape, x, gamma, dy, dx,
         moments);
  launch(queue, "layerNormGammas", partialGammas<T>, columnTileShape(shape.width), shape, x, dy,
         static_cast<const Moments*>(moments), partial);
  addPartialSums(queue, shape.width, partial, dgamma);
  addColumnSums(queue, shape, dy, partial, dbeta);
}

template void layerNormForward(Queue&, RowShape, const float*, const float*, const float*, float*);
template void layerNormForward(Queue&, RowShape, const Bf16*, const float*, const float*, Bf16*);
template void layerNormBackward(Queue&, RowShape, const float*, const float*, const float*, float*,
                                float*, float*, float*);
template void layerNormBackward(Queue&, RowShape, const Bf16*, const float*, const Bf16*, float*,
                                Bf16*, float*, float*);

}  // namespace caracal::cuda
