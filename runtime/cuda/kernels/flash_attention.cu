// Which kernels do it, and what both kinds need: the deltas of rows.
#include "runtime/cuda/kernels/flash_attention.h"

#include <type_traits>

#include "runtime/cuda/kernels/attention_head.h"
#include "runtime/cuda/kernels/flash_scalar.h"
#include "runtime/cuda/kernels/flash_tensor.h"

namespace caracal::cuda {
namespace {

constexpr int kWarps = 4;

// delta = sum over the head's width of dcontext * context, which is also the sum over keys of
// probability times its gradient. A warp takes a row of one head.
template <class T>
__global__ void __launch_bounds__(kWarps* kWarp)
    rowDeltas(AttentionShape shape, const T* context, const T* dcontext, float* deltas) {
  const int64_t index = int64_t{blockIdx.x} * kWarps + threadIdx.x / kWarp;
  if (index >= shape.batch * shape.heads * shape.sequence) return;
  const Head head(shape, {}, index / shape.sequence);
  const int64_t at = head.contextBase + index % shape.sequence * head.contextStride;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  float sum = 0;
  for (int64_t x = lane; x < head.width; x += kWarp)
    sum += toFloat(context[at + x]) * toFloat(dcontext[at + x]);
  sum = warpSum(sum);
  if (lane == 0) deltas[index] = sum;
}

}  // namespace

template <class T>
void flashForward(Queue& queue, AttentionShape shape, const AttentionDropout& dropout, const T* qkv,
                  T* context, float* logSums) {
  if constexpr (std::is_same_v<T, Bf16>) {
    if (tensorFlashTakes(shape))
      return tensorFlashForward(queue, shape, dropout, qkv, context, logSums);
  }
  scalarFlashForward(queue, shape, dropout, qkv, context, logSums);
}

template <class T>
void flashBackward(Queue& queue, AttentionShape shape, const AttentionDropout& dropout,
                   const T* qkv, const T* context, const float* logSums, const T* dcontext,
                   float* deltas, T* dqkv) {
  const int64_t rows = shape.batch * shape.heads * shape.sequence;
  launch(queue, "flashDeltas", rowDeltas<T>, {ceilDiv(rows, kWarps), dim3(kWarps * kWarp)}, shape,
         context, dcontext, deltas);
  if constexpr (std::is_same_v<T, Bf16>) {
    if (tensorFlashTakes(shape))
      return tensorFlashBackward(queue, shape, dropout, qkv, logSums, dcontext, deltas, dqkv);
  }
  scalarFlashBackward(queue, shape, dropout, qkv, logSums, dcontext, deltas, dqkv);
}

template void flashForward(Queue&, AttentionShape, const AttentionDropout&, const float*, float*,
                           float*);
template void flashForward(Queue&, AttentionShape, const AttentionDropout&, const Bf16*, Bf16*,
                           float*);
template void flashBackward(Queue&, AttentionShape, const AttentionDropout&, const float*,
                            const float*, const float*, const float*, float*, float*);
template void flashBackward(Queue&, AttentionShape, const AttentionDropout&, const Bf16*,
                            const Bf16*, const float*, const Bf16*, float*, Bf16*);

}  // namespace caracal::cuda
