#include "runtime/cuda/kernels/gelu.h"

#include "runtime/cuda/kernels/device_math.h"

namespace caracal::cuda {
namespace {

constexpr float kScale = 0.7978845608F;  // sqrt(2 / pi)
constexpr float kCubic = 0.044715F;
constexpr int kThreads = 256;

LaunchShape elementsShape(RowShape shape) {
  return {ceilDiv(shape.rows * shape.width, kThreads), dim3(kThreads)};
}

// (1 + tanh(u)) / 2 is the logistic function of 2u.
__device__ __forceinline__ float halfOnePlusTanh(float u) {
  return 1.0F / (1.0F + expf(-2.0F * u));
}

template <class T>
__global__ void forward(RowShape shape, const T* x, const float* bias, T* y) {
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= shape.rows * shape.width) return;
  const float v = toFloat(x[i]) + bias[i % shape.width];
  y[i] = fromFloat<T>(v * halfOnePlusTanh(kScale * (v + kCubic * v * v * v)));
}

template <class T>
__global__ void backward(RowShape shape, const T* x, const float* bias, T* gradient) {
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= shape.rows * shape.width) return;
  const float v = toFloat(x[i]) + bias[i % shape.width];
  const float square = v * v;
  const float gate = halfOnePlusTanh(kScale * (v + kCubic * v * square));
  const float slope = 2.0F * kScale * (1.0F + 3.0F * kCubic * square);
  gradient[i] = fromFloat<T>(toFloat(gradient[i]) * (gate + v * gate * (1.0F - gate) * slope));
}

}  // namespace

template <class T>
void biasGeluForward(Queue& queue, RowShape shape, const T* x, const float* bias, T* y) {
  launch(queue, "biasGeluForward", forward<T>, elementsShape(shape), shape, x, bias, y);
}

template <class T>
void biasGeluBackward(Queue& queue, RowShape shape, const T* x, const float* bias, T* gradient) {
  launch(queue, "biasGeluBackward", backward<T>, elementsShape(shape), shape, x, bias, gradient);
}

template void biasGeluForward(Queue&, RowShape, const float*, const float*, float*);
template void biasGeluForward(Queue&, RowShape, const Bf16*, const float*, Bf16*);
template void biasGeluBackward(Queue&, RowShape, const float*, const float*, float*);
template void biasGeluBackward(Queue&, RowShape, const Bf16*, const float*, Bf16*);

}  // namespace caracal::cuda
