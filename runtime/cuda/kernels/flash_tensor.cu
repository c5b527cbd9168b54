// Forward, in the order of its tiles: see tensor_tiles.h.
#include "runtime/cuda/kernels/flash_tensor.h"

#include "runtime/cuda/kernels/tensor_tiles.h"

namespace caracal::cuda {
namespace {

constexpr int kForwardTile = 64;  // rows of the other side at a time
constexpr float kLog2E = 1.4426950408889634F;

// Over the four lanes that share a row.
template <class Combine>
__device__ __forceinline__ float overRow(float value, Combine combine) {
  value = combine(value, __shfl_xor_sync(kAllLanes, value, 1));
  return combine(value, __shfl_xor_sync(kAllLanes, value, 2));
}

// The softmax of two rows as it comes tile by tile; scores are logarithms to base 2.
struct RunningSoftmax {
  float largest[2] = {kLowest, kLowest};
  float total[2] = {};

  // Scores become probabilities with regard to the largest so far; returns what earlier sums are to
  // be multiplied by.
  template <int kTiles>
  __device__ __forceinline__ float take(Sums<kTiles>& scores, int r) {
    float above = largest[r];
#pragma unroll
    for (int n = 0; n < kTiles; ++n)
      above = fmaxf(above, fmaxf(scores.of[n][2 * r], scores.of[n][2 * r + 1]));
    above = overRow(above, [](float a, float b) { return fmaxf(a, b); });
    const float correction = exp2f(largest[r] - above);
    float sum = 0;
#pragma unroll
    for (int n = 0; n < kTiles; ++n) {
#pragma unroll
      for (int e = 2 * r; e < 2 * r + 2; ++e) {
        float& score = scores.of[n][e];
        score = score > kLowest ? exp2f(score - above) : 0.0F;
        sum += score;
      }
    }
    total[r] = total[r] * correction + overRow(sum, [](float a, float b) { return a + b; });
    largest[r] = above;
    return correction;
  }
};

template <int kWidth>
__global__ void __launch_bounds__(kThreads)
    forward(AttentionShape shape, AttentionDropout dropout, DropoutMask mask, const Bf16* qkv,
            Bf16* context, float* logSums) {
  constexpr int kTiles = kForwardTile / 8;
  const Head head(shape, dropout, blockIdx.y);
  const TilePlace at;
  Bf16* queries = dynamicShared<Bf16>();
  Bf16* keys = queries + kRows * kTileStride<kWidth>;
  Bf16* values = keys + kForwardTile * kTileStride<kWidth>;
  stageRows<kRows, kWidth>(head, queriesOf(head, qkv), at.begin, queries);

  Sums<kWidth / 8> sums;
  RunningSoftmax softmax;
  for (int64_t first = 0; first < at.begin + kRows && first < head.sequence;
       first += kForwardTile) {
    __syncthreads();
    stageRows<kForwardTile, kWidth>(head, keysOf(head, qkv), first, keys);
    stageRows<kForwardTile, kWidth>(head, valuesOf(head, qkv), first, values);
    __syncthreads();
    Sums<kTiles> scores;
    addScores<kForwardTile, kWidth>(scores, queries + at.warpRow * kTileStride<kWidth>, keys,
                                    at.lane);
#pragma unroll
    for (int n = 0; n < kTiles; ++n) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const bool visible = first + n * 8 + at.column + e % 2 <= at.rowOf(e);
        scores.of[n][e] = visible ? scores.of[n][e] * (head.scale * kLog2E) : kLowest;
      }
    }
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const float correction = softmax.take(scores, r);
#pragma unroll
      for (int n = 0; n < kWidth / 8; ++n) {
        sums.of[n][2 * r] *= correction;
        sums.of[n][2 * r + 1] *= correction;
      }
    }
    if (mask.threshold != 0) {
#pragma unroll
      for (int n = 0; n < kTiles; ++n) {
#pragma unroll
        for (int e = 0; e < 4; ++e)
          scores.of[n][e] *= dropFactor(mask, head, at.rowOf(e), first + n * 8 + at.column + e % 2);
      }
    }
    addWeighted<kForwardTile, kWidth>(sums, scores, values, at.lane);
  }
  const float factors[2] = {1.0F / softmax.total[0], 1.0F / softmax.total[1]};
  writeRows<kWidth>(sums, head, at, contextOf(head, context), factors);
  for (int r = 0; r < 2; ++r) {
    const int64_t query = at.rowOf(2 * r);
    if (query < head.sequence && at.column == 0) {
      logSums[head.firstSum + query] =
          (softmax.largest[r] + log2f(softmax.total[r])) * (1.0F / kLog2E);
    }
  }
}

}  // namespace

void tensorFlashForward(Queue& queue, AttentionShape shape, const AttentionDropout& dropout,
                        const Bf16* qkv, Bf16* context, float* logSums) {
  withWidth(shape, [&](auto width) {
    launch(queue, "flashForward", forward<width()>,
           tileShape<width()>(shape, kRows + 2 * kForwardTile), shape, dropout, maskOf(dropout),
           qkv, context, logSums);
  });
}

}  // namespace caracal::cuda
