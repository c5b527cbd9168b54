#include "runtime/cuda/kernels/adamw.h"

#include "runtime/cuda/kernels/device_math.h"

namespace caracal::cuda {
namespace {

constexpr int kThreads = 256;

__global__ void update(kernels::AdamwOptions options, kernels::AdamwStep step, int64_t count,
                       AdamwArrays arrays) {
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= count) return;
  const float g = arrays.gradient[i];
  const float m = options.beta1 * arrays.moment1[i] + (1.0F - options.beta1) * g;
  const float v = options.beta2 * arrays.moment2[i] + (1.0F - options.beta2) * g * g;
  const float direction = m * step.correction1 / (sqrtf(v * step.correction2) + options.epsilon);
  const float w = arrays.weight[i];
  const float next = w - step.rate * (direction + options.weightDecay * w);
  arrays.moment1[i] = m;
  arrays.moment2[i] = v;
  arrays.weight[i] = next;
  arrays.gradient[i] = 0;
  if (arrays.copy != nullptr) arrays.copy[i] = fromFloat<Bf16>(next);
}

__global__ void round(int64_t count, const float* weight, Bf16* copy) {
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i < count) copy[i] = fromFloat<Bf16>(weight[i]);
}

LaunchShape elementsShape(int64_t count) {
  return {ceilDiv(count, kThreads), dim3(kThreads)};
}

}  // namespace

void adamw(Queue& queue, const kernels::AdamwOptions& options, int32_t updateNumber, int64_t count,
           const AdamwArrays& arrays) {
  launch(queue, "adamw", update, elementsShape(count), options,
         kernels::adamwStep(options, updateNumber), count, arrays);
}

void copyToBf16(Queue& queue, int64_t count, const float* weight, Bf16* copy) {
  launch(queue, "copyToBf16", round, elementsShape(count), count, weight, copy);
}

}  // namespace caracal::cuda
