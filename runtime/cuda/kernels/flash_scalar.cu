// A block owns kRows rows (queries forward and for dq, keys for dk and dv), four to a warp, and
// walks over tiles of kWarp rows of the other side, one to a lane. So a lane has one score of each
// of its warp's rows; for products with the other side's vectors a warp passes these scores around
// and each lane owns every kWarp-th column.
#include "runtime/cuda/kernels/flash_scalar.h"

#include "runtime/cuda/kernels/attention_head.h"

namespace caracal::cuda {
namespace {

constexpr int kWarps = 4;
constexpr int kRowsPerWarp = 4;
constexpr int kRows = kWarps * kRowsPerWarp;
constexpr int kThreads = kWarps * kWarp;
constexpr int kColumns = kMostHeadWidth / kWarp;  // of each lane

// Shared memory: own rows, then tiles of the other side with a pad against bank conflicts.
struct Tiles {
  float* first;   // (kRows, width) of the block's own
  float* second;  // likewise
  float* other;   // (kWarp, width + 1)
  float* another;

  __device__ explicit Tiles(int64_t width)
      : first(dynamicShared<float>()),
        second(first + kRows * width),
        other(second + kRows * width),
        another(other + kWarp * (width + 1)) {}
};

size_t sharedBytes(int64_t width) {
  return static_cast<size_t>(2 * kRows * width + 2 * kWarp * (width + 1)) * sizeof(float);
}

// Rows begin to begin + rows of a matrix; those past the sequence are 0.
template <class T>
__device__ __forceinline__ void stage(const Head& head, HeadRows<const T> matrix, int64_t begin,
                                      int rows, int64_t tileStride, float* tile) {
  for (int64_t i = threadIdx.x; i < rows * head.width; i += kThreads) {
    const int64_t row = i / head.width;
    const int64_t column = i % head.width;
    const bool inside = begin + row < head.sequence;
    tile[row * tileStride + column] =
        inside ? toFloat(matrix.first[(begin + row) * matrix.stride + column]) : 0.0F;
  }
}

// The next tile of the other side, of two matrices; the last one has been read by then.
template <class T>
__device__ __forceinline__ void stageOther(const Head& head, HeadRows<const T> other,
                                           HeadRows<const T> another, int64_t begin,
                                           const Tiles& tiles) {
  __syncthreads();
  stage(head, other, begin, kWarp, head.width + 1, tiles.other);
  stage(head, another, begin, kWarp, head.width + 1, tiles.another);
  __syncthreads();
}

// What a thread works at.
struct Place {
  int lane;
  int64_t begin;   // the block's first row
  int64_t ownRow;  // the warp's first, from there

  __device__ Place()
      : lane(static_cast<int>(threadIdx.x) % kWarp),
        begin(int64_t{blockIdx.x} * kRows),
        ownRow(threadIdx.x / kWarp * kRowsPerWarp) {}
};

// Products of the warp's own rows with the lane's row of the other side.
struct Scores {
  float of[kRowsPerWarp];
};
__device__ __forceinline__ Scores dotRows(const float* own, const float* lanes, int64_t width) {
  Scores scores{};
  for (int64_t x = 0; x < width; ++x) {
    const float value = lanes[x];
    for (int r = 0; r < kRowsPerWarp; ++r) scores.of[r] += own[r * width + x] * value;
  }
  return scores;
}

// The columns of the warp's rows that a lane owns.
struct Columns {
  float of[kRowsPerWarp][kColumns] = {};

  // Row r += sum over lanes of weight * the lane's row in `tile`.
  __device__ __forceinline__ void add(int r, float weight, const float* tile, const Head& head,
                                      int lane) {
    for (int source = 0; source < kWarp; ++source) {
      const float w = __shfl_sync(kAllLanes, weight, source);
      const float* row = tile + source * (head.width + 1);
      for (int c = 0; c < kColumns; ++c) {
        const int64_t column = lane + c * kWarp;
        if (column < head.width) of[r][c] += w * row[column];
      }
    }
  }

  template <class T>
  __device__ __forceinline__ void write(int r, float factor, T* row, const Head& head,
                                        int lane) const {
    for (int c = 0; c < kColumns; ++c) {
      const int64_t column = lane + c * kWarp;
      if (column < head.width) row[column] = fromFloat<T>(of[r][c] * factor);
    }
  }
};

template <class T>
__global__ void __launch_bounds__(kThreads)
    forward(AttentionShape shape, AttentionDropout dropout, DropoutMask mask, const T* qkv,
            T* context, float* logSums) {
  const Head head(shape, dropout, blockIdx.y);
  const Tiles tiles(head.width);
  const Place at;
  stage(head, queriesOf(head, qkv), at.begin, kRows, head.width, tiles.first);

  Columns sums;
  float largest[kRowsPerWarp];
  float total[kRowsPerWarp] = {};
  for (float& value : largest) value = kLowest;
  for (int64_t keys = 0; keys < at.begin + kRows && keys < head.sequence; keys += kWarp) {
    stageOther(head, keysOf(head, qkv), valuesOf(head, qkv), keys, tiles);
    const int64_t key = keys + at.lane;
    const Scores scores = dotRows(tiles.first + at.ownRow * head.width,
                                  tiles.other + at.lane * (head.width + 1), head.width);
    for (int r = 0; r < kRowsPerWarp; ++r) {
      const int64_t query = at.begin + at.ownRow + r;
      const bool visible = key <= query && query < head.sequence;
      const float score = visible ? scores.of[r] * head.scale : kLowest;
      const float above = fmaxf(largest[r], warpMax(score));
      const float correction = expf(largest[r] - above);
      float p = visible ? expf(score - above) : 0.0F;
      total[r] = total[r] * correction + warpSum(p);
      largest[r] = above;
      for (float& value : sums.of[r]) value *= correction;
      if (visible) p *= dropFactor(mask, head, query, key);
      sums.add(r, p, tiles.another, head, at.lane);
    }
  }
  const HeadRows<T> out = contextOf(head, context);
  for (int r = 0; r < kRowsPerWarp; ++r) {
    const int64_t query = at.begin + at.ownRow + r;
    if (query >= head.sequence) continue;
    sums.write(r, 1.0F / total[r], out.first + query * out.stride, head, at.lane);
    if (at.lane == 0) logSums[head.firstSum + query] = largest[r] + logf(total[r]);
  }
}

// Scores, and products of gradients with values, of the warp's own rows with the lane's.
struct BackwardTile {
  Scores scores, products;
  __device__ BackwardTile(const Tiles& tiles, const Place& at, int64_t width)
      : scores(
            dotRows(tiles.first + at.ownRow * width, tiles.other + at.lane * (width + 1), width)),
        products(dotRows(tiles.second + at.ownRow * width, tiles.another + at.lane * (width + 1),
                         width)) {}
};

__device__ __forceinline__ Pair pairOf(const Head& head, const DropoutMask& mask,
                                       const float* logSums, const float* deltas, int64_t query,
                                       int64_t key, float score, float product) {
  if (query >= head.sequence) return {};
  const int64_t sum = head.firstSum + query;
  return cuda::pairOf(head, mask, query, key, score, product, logSums[sum], deltas[sum]);
}

// visit(r, other, score, product) for the warp's own row r and the lane's row `other` of the other
// side, over tiles of [begin, end) of `others` and `another`.
template <class T, class Visit>
__device__ __forceinline__ void forEachPair(const Head& head, const Place& at, const Tiles& tiles,
                                            HeadRows<const T> others, HeadRows<const T> another,
                                            int64_t begin, int64_t end, Visit visit) {
  for (int64_t first = begin; first < end; first += kWarp) {
    stageOther(head, others, another, first, tiles);
    const BackwardTile tile(tiles, at, head.width);
    for (int r = 0; r < kRowsPerWarp; ++r)
      visit(r, first + at.lane, tile.scores.of[r], tile.products.of[r]);
  }
}

// The warp's own rows of a gradient.
template <class T>
__device__ __forceinline__ void writeRows(const Head& head, const Place& at, const Columns& columns,
                                          HeadRows<T> out) {
  for (int r = 0; r < kRowsPerWarp; ++r) {
    const int64_t row = at.begin + at.ownRow + r;
    if (row < head.sequence) columns.write(r, 1, out.first + row * out.stride, head, at.lane);
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    backwardQueries(AttentionShape shape, AttentionDropout dropout, DropoutMask mask, const T* qkv,
                    const T* dcontext, const float* logSums, const float* deltas, T* dqkv) {
  const Head head(shape, dropout, blockIdx.y);
  const Tiles tiles(head.width);
  const Place at;
  stage(head, queriesOf(head, qkv), at.begin, kRows, head.width, tiles.first);
  stage(head, contextOf(head, dcontext), at.begin, kRows, head.width, tiles.second);

  Columns dquery;
  const int64_t seen = at.begin + kRows;  // no key behind the last query
  forEachPair(head, at, tiles, keysOf(head, qkv), valuesOf(head, qkv), 0,
              seen < head.sequence ? seen : head.sequence,
              [&](int r, int64_t key, float score, float product) {
                const Pair pair = pairOf(head, mask, logSums, deltas, at.begin + at.ownRow + r, key,
                                         score, product);
                dquery.add(r, pair.gradient, tiles.other, head, at.lane);
              });
  writeRows(head, at, dquery, queriesOf(head, dqkv));
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    backwardKeys(AttentionShape shape, AttentionDropout dropout, DropoutMask mask, const T* qkv,
                 const T* dcontext, const float* logSums, const float* deltas, T* dqkv) {
  const Head head(shape, dropout, blockIdx.y);
  const Tiles tiles(head.width);
  const Place at;
  stage(head, keysOf(head, qkv), at.begin, kRows, head.width, tiles.first);
  stage(head, valuesOf(head, qkv), at.begin, kRows, head.width, tiles.second);

  Columns dkey;
  Columns dvalue;
  // From the first tile whose queries see the first key.
  forEachPair(
      head, at, tiles, queriesOf(head, qkv), contextOf(head, dcontext), at.begin / kWarp * kWarp,
      head.sequence, [&](int r, int64_t query, float score, float product) {
        const Pair pair =
            pairOf(head, mask, logSums, deltas, query, at.begin + at.ownRow + r, score, product);
        dkey.add(r, pair.gradient, tiles.other, head, at.lane);
        dvalue.add(r, pair.dropped, tiles.another, head, at.lane);
      });
  writeRows(head, at, dkey, keysOf(head, dqkv));
  writeRows(head, at, dvalue, valuesOf(head, dqkv));
}

LaunchShape rowsShape(AttentionShape shape) {
  return {ceilDiv(shape.sequence, kRows), dim3(kThreads), sharedBytes(shape.headWidth),
          shape.batch * shape.heads};
}

}  // namespace

template <class T>
void scalarFlashForward(Queue& queue, AttentionShape shape, const AttentionDropout& dropout,
                        const T* qkv, T* context, float* logSums) {
  launch(queue, "flashForward", forward<T>, rowsShape(shape), shape, dropout, maskOf(dropout), qkv,
         context, logSums);
}

template <class T>
void scalarFlashBackward(Queue& queue, AttentionShape shape, const AttentionDropout& dropout,
                         const T* qkv, const float* logSums, const T* dcontext, const float* deltas,
                         T* dqkv) {
  launch(queue, "flashQueries", backwardQueries<T>, rowsShape(shape), shape, dropout,
         maskOf(dropout), qkv, dcontext, logSums, deltas, dqkv);
  launch(queue, "flashKeys", backwardKeys<T>, rowsShape(shape), shape, dropout, maskOf(dropout),
         qkv, dcontext, logSums, deltas, dqkv);
}

template void scalarFlashForward(Queue&, AttentionShape, const AttentionDropout&, const float*,
                                 float*, float*);
template void scalarFlashForward(Queue&, AttentionShape, const AttentionDropout&, const Bf16*,
                                 Bf16*, float*);
template void scalarFlashBackward(Queue&, AttentionShape, const AttentionDropout&, const float*,
                                  const float*, const float*, const float*, float*);
template void scalarFlashBackward(Queue&, AttentionShape, const AttentionDropout&, const Bf16*,
                                  const float*, const Bf16*, const float*, Bf16*);

}  // namespace caracal::cuda
