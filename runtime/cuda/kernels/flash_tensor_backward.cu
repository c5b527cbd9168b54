// Backward in two kernels, one that owns queries and one that owns keys: see tensor_tiles.h.
#include "runtime/cuda/kernels/flash_tensor.h"
#include "runtime/cuda/kernels/tensor_tiles.h"

namespace caracal::cuda {
namespace {

constexpr int kBackwardTile = 32;  // fewer than forward: twice the sums are held in registers

// Shared memory of a backward block: two matrices of its own rows, two of a tile of the others.
template <int kWidth>
struct BackwardTiles {
  Bf16* first;
  Bf16* second;
  Bf16* other;
  Bf16* another;

  __device__ BackwardTiles()
      : first(dynamicShared<Bf16>()),
        second(first + kRows * kTileStride<kWidth>),
        other(second + kRows * kTileStride<kWidth>),
        another(other + kBackwardTile * kTileStride<kWidth>) {}

  // The next tile of the others; the last one has been read by then.
  __device__ __forceinline__ void stageOther(const Head& head, HeadRows<const Bf16> of,
                                             HeadRows<const Bf16> with, int64_t begin) const {
    __syncthreads();
    stageRows<kBackwardTile, kWidth>(head, of, begin, other);
    stageRows<kBackwardTile, kWidth>(head, with, begin, another);
    __syncthreads();
  }
};

constexpr int kBackwardTiles = kBackwardTile / 8;

// Products of own rows and a tile's: scores, and those of the context's gradients with values.
template <int kWidth>
__device__ __forceinline__ void multiply(const BackwardTiles<kWidth>& tiles, const TilePlace& at,
                                         Sums<kBackwardTiles>& scores,
                                         Sums<kBackwardTiles>& products) {
  const int own = at.warpRow * kTileStride<kWidth>;
  addScores<kBackwardTile, kWidth>(scores, tiles.first + own, tiles.other, at.lane);
  addScores<kBackwardTile, kWidth>(products, tiles.second + own, tiles.another, at.lane);
}

template <int kWidth>
__global__ void __launch_bounds__(kThreads)
    backwardQueries(AttentionShape shape, AttentionDropout dropout, DropoutMask mask,
                    const Bf16* qkv, const Bf16* dcontext, const float* logSums,
                    const float* deltas, Bf16* dqkv) {
  const Head head(shape, dropout, blockIdx.y);
  const TilePlace at;
  const BackwardTiles<kWidth> tiles;
  stageRows<kRows, kWidth>(head, queriesOf(head, qkv), at.begin, tiles.first);
  stageRows<kRows, kWidth>(head, contextOf(head, dcontext), at.begin, tiles.second);
  float logSum[2] = {};
  float delta[2] = {};
  for (int r = 0; r < 2; ++r) {
    const int64_t query = at.rowOf(2 * r);
    if (query >= head.sequence) continue;
    logSum[r] = logSums[head.firstSum + query];
    delta[r] = deltas[head.firstSum + query];
  }

  Sums<kWidth / 8> dqueries;
  for (int64_t first = 0; first < at.begin + kRows && first < head.sequence;
       first += kBackwardTile) {
    tiles.stageOther(head, keysOf(head, qkv), valuesOf(head, qkv), first);
    Sums<kBackwardTiles> scores;
    Sums<kBackwardTiles> products;
    multiply(tiles, at, scores, products);
#pragma unroll
    for (int n = 0; n < kBackwardTiles; ++n) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int64_t key = first + n * 8 + at.column + e % 2;
        scores.of[n][e] = pairOf(head, mask, at.rowOf(e), key, scores.of[n][e], products.of[n][e],
                                 logSum[e / 2], delta[e / 2])
                              .gradient;
      }
    }
    addWeighted<kBackwardTile, kWidth>(dqueries, scores, tiles.other, at.lane);
  }
  writeRows<kWidth>(dqueries, head, at, queriesOf(head, dqkv), {1.0F, 1.0F});
}

template <int kWidth>
__global__ void __launch_bounds__(kThreads)
    backwardKeys(AttentionShape shape, AttentionDropout dropout, DropoutMask mask, const Bf16* qkv,
                 const Bf16* dcontext, const float* logSums, const float* deltas, Bf16* dqkv) {
  const Head head(shape, dropout, blockIdx.y);
  const TilePlace at;
  const BackwardTiles<kWidth> tiles;
  stageRows<kRows, kWidth>(head, keysOf(head, qkv), at.begin, tiles.first);
  stageRows<kRows, kWidth>(head, valuesOf(head, qkv), at.begin, tiles.second);

  Sums<kWidth / 8> dkeys;
  Sums<kWidth / 8> dvalues;
  // From the tile whose queries see the block's first key; kRows is a multiple of kBackwardTile.
  for (int64_t first = at.begin; first < head.sequence; first += kBackwardTile) {
    tiles.stageOther(head, queriesOf(head, qkv), contextOf(head, dcontext), first);
    Sums<kBackwardTiles> gradients;  // first the scores, of keys by queries
    Sums<kBackwardTiles> dropped;    // first the products
    multiply(tiles, at, gradients, dropped);
#pragma unroll
    for (int n = 0; n < kBackwardTiles; ++n) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int64_t query = first + n * 8 + at.column + e % 2;
        const int64_t sum = head.firstSum + (query < head.sequence ? query : 0);
        const Pair pair = pairOf(head, mask, query, at.rowOf(e), gradients.of[n][e],
                                 dropped.of[n][e], logSums[sum], deltas[sum]);
        gradients.of[n][e] = pair.gradient;
        dropped.of[n][e] = pair.dropped;
      }
    }
    addWeighted<kBackwardTile, kWidth>(dkeys, gradients, tiles.other, at.lane);
    addWeighted<kBackwardTile, kWidth>(dvalues, dropped, tiles.another, at.lane);
  }
  writeRows<kWidth>(dkeys, head, at, keysOf(head, dqkv), {1.0F, 1.0F});
  writeRows<kWidth>(dvalues, head, at, valuesOf(head, dqkv), {1.0F, 1.0F});
}

}  // namespace

void tensorFlashBackward(Queue& queue, AttentionShape shape, const AttentionDropout& dropout,
                         const Bf16* qkv, const float* logSums, const Bf16* dcontext,
                         const float* deltas, Bf16* dqkv) {
  withWidth(shape, [&](auto width) {
    const LaunchShape blocks = tileShape<width()>(shape, 2 * kRows + 2 * kBackwardTile);
    launch(queue, "flashQueries", backwardQueries<width()>, blocks, shape, dropout, maskOf(dropout),
           qkv, dcontext, logSums, deltas, dqkv);
    launch(queue, "flashKeys", backwardKeys<width()>, blocks, shape, dropout, maskOf(dropout), qkv,
           dcontext, logSums, deltas, dqkv);
  });
}

}  // namespace caracal::cuda
