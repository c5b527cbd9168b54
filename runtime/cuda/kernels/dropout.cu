// A thread takes the four elements of one Philox block. Products and sums are rounded one by one
// (no fused multiply-add), as on the CPU.
#include "runtime/cuda/kernels/dropout.h"

#include "runtime/cuda/kernels/dropout_mask.h"

namespace caracal::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kLanes = 4;

LaunchShape groupsShape(int64_t elements) {
  return {ceilDiv(elements / kLanes, kThreads), dim3(kThreads)};
}

template <class T>
__global__ void dropElements(DropoutMask mask, DropoutBlocks blocks, const T* x, T* y) {
  const int64_t local = (int64_t{blockIdx.x} * kThreads + threadIdx.x) * kLanes;
  if (local >= blocks.blocks * blocks.range.count) return;
  const int64_t block = local / blocks.range.count;
  const int64_t element = blocks.range.first + block * blocks.stride + local % blocks.range.count;
  float factors[kLanes];
  mask.factorsOf(element / kLanes, factors);
  for (int i = 0; i < kLanes; ++i)
    y[local + i] = fromFloat<T>(__fmul_rn(toFloat(x[local + i]), factors[i]));
}

template <class T>
__global__ void addDropped(DropoutMask mask, kernels::ElementRange range, int64_t width, const T* x,
                           const float* bias, const T* base, T* y) {
  const int64_t local = (int64_t{blockIdx.x} * kThreads + threadIdx.x) * kLanes;
  if (local >= range.count) return;
  float factors[kLanes];
  mask.factorsOf((range.first + local) / kLanes, factors);
  for (int i = 0; i < kLanes; ++i) {
    const float sum = __fadd_rn(toFloat(x[local + i]), bias[local % width + i]);
    y[local + i] = fromFloat<T>(__fadd_rn(__fmul_rn(sum, factors[i]), toFloat(base[local + i])));
  }
}

}  // namespace

template <class T>
void dropout(Queue& queue, const kernels::DropoutSite& site, const DropoutBlocks& blocks,
             const T* x, T* y) {
  const int64_t elements = blocks.blocks * blocks.range.count;
  if (site.probability > 0) {
    launch(queue, "dropout", dropElements<T>, groupsShape(elements), maskOf(site), blocks, x, y);
  } else if (x != y) {
    queue.note("dropout", cudaMemcpyAsync(y, x, static_cast<size_t>(elements) * sizeof(T),
                                          cudaMemcpyDeviceToDevice, queue.stream));
  }
}

template <class T>
void biasDropoutAdd(Queue& queue, const kernels::DropoutSite& site, kernels::ElementRange range,
                    int64_t width, const T* x, const float* bias, const T* base, T* y) {
  launch(queue, "biasDropoutAdd", addDropped<T>, groupsShape(range.count), maskOf(site), range,
         width, x, bias, base, y);
}

template void dropout(Queue&, const kernels::DropoutSite&, const DropoutBlocks&, const float*,
                      float*);
template void dropout(Queue&, const kernels::DropoutSite&, const DropoutBlocks&, const Bf16*,
                      Bf16*);
template void biasDropoutAdd(Queue&, const kernels::DropoutSite&, kernels::ElementRange, int64_t,
                             const float*, const float*, const float*, float*);
template void biasDropoutAdd(Queue&, const kernels::DropoutSite&, kernels::ElementRange, int64_t,
                             const Bf16*, const float*, const Bf16*, Bf16*);

}  // namespace caracal::cuda
