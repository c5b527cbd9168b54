// A block owns kRows rows (queries forward and for dq, keys for dk and dv), four to a warp, and
// walks over tiles of kWarp rows of the other side, one to a lane. So a lane has one score of each
// of its warp's rows; for products with the other side's vectors a warp passes these scores around
// and each lane owns every kWarp-th column.
#include "runtime/cuda/kernels/flash_attention.h"

#include "runtime/cuda/kernels/dropout_mask.h"

namespace caracal::cuda {
namespace {

constexpr int kWarps = 4;
constexpr int kRowsPerWarp = 4;
constexpr int kRows = kWarps * kRowsPerWarp;
constexpr int kThreads = kWarps * kWarp;
constexpr int kColumns = kMostHeadWidth / kWarp;  // of each lane

constexpr int kQuery = 0;
constexpr int kKey = 1;
constexpr int kValue = 2;

// One (batch, head) pair, and where its matrices lie: row i of each begins at base + i * stride.
struct Head {
  int64_t sequence, width;
  int64_t stride, base;                // of q in qkv; k and v follow
  int64_t contextStride, contextBase;  // of context
  int64_t firstSum;                    // of logSums and deltas
  int64_t firstElement;                // of its probabilities in the whole model, for dropout
  float scale;

  __device__ Head(AttentionShape shape, const AttentionDropout& dropout, int64_t index)
      : sequence(shape.sequence), width(shape.headWidth) {
    const int64_t batch = index / shape.heads;
    const int64_t head = index % shape.heads;
    contextStride = shape.heads * width;
    stride = 3 * contextStride;
    base = batch * sequence * stride + head * width;
    contextBase = batch * sequence * contextStride + head * width;
    firstSum = index * sequence;
    firstElement = (batch * dropout.headsOfModel + dropout.firstHead + head) * sequence * sequence;
    scale = 1.0F / sqrtf(static_cast<float>(width));
  }

  template <class T>
  __device__ const T* part(const T* qkv, int which) const {
    return qkv + base + which * contextStride;
  }
};

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
__device__ __forceinline__ void stage(const Head& head, const T* matrix, int64_t matrixStride,
                                      int64_t begin, int rows, int64_t tileStride, float* tile) {
  for (int64_t i = threadIdx.x; i < rows * head.width; i += kThreads) {
    const int64_t row = i / head.width;
    const int64_t column = i % head.width;
    const bool inside = begin + row < head.sequence;
    tile[row * tileStride + column] =
        inside ? toFloat(matrix[(begin + row) * matrixStride + column]) : 0.0F;
  }
}

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

__device__ __forceinline__ float dropFactor(const DropoutMask& mask, const Head& head,
                                            int64_t query, int64_t key) {
  if (mask.threshold == 0) return 1;
  return mask.factorOf(head.firstElement + query * head.sequence + key);
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    forward(AttentionShape shape, AttentionDropout dropout, DropoutMask mask, const T* qkv,
            T* context, float* logSums) {
  const Head head(shape, dropout, blockIdx.y);
  const Tiles tiles(head.width);
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int64_t begin = int64_t{blockIdx.x} * kRows;
  const int64_t ownRow = threadIdx.x / kWarp * kRowsPerWarp;
  stage(head, head.part(qkv, kQuery), head.stride, begin, kRows, head.width, tiles.first);

  Columns sums;
  float largest[kRowsPerWarp];
  float total[kRowsPerWarp] = {};
  for (float& value : largest) value = kLowest;
  for (int64_t keys = 0; keys < begin + kRows && keys < head.sequence; keys += kWarp) {
    __syncthreads();
    stage(head, head.part(qkv, kKey), head.stride, keys, kWarp, head.width + 1, tiles.other);
    stage(head, head.part(qkv, kValue), head.stride, keys, kWarp, head.width + 1, tiles.another);
    __syncthreads();
    const int64_t key = keys + lane;
    const Scores scores = dotRows(tiles.first + ownRow * head.width,
                                  tiles.other + lane * (head.width + 1), head.width);
    for (int r = 0; r < kRowsPerWarp; ++r) {
      const int64_t query = begin + ownRow + r;
      const bool visible = key <= query && query < head.sequence;
      const float score = visible ? scores.of[r] * head.scale : kLowest;
      const float above = fmaxf(largest[r], warpMax(score));
      const float correction = expf(largest[r] - above);
      float p = visible ? expf(score - above) : 0.0F;
      total[r] = total[r] * correction + warpSum(p);
      largest[r] = above;
      for (float& value : sums.of[r]) value *= correction;
      if (visible) p *= dropFactor(mask, head, query, key);
      sums.add(r, p, tiles.another, head, lane);
    }
  }
  for (int r = 0; r < kRowsPerWarp; ++r) {
    const int64_t query = begin + ownRow + r;
    if (query >= head.sequence) continue;
    sums.write(r, 1.0F / total[r], context + head.contextBase + query * head.contextStride, head,
               lane);
    if (lane == 0) logSums[head.firstSum + query] = largest[r] + logf(total[r]);
  }
}

// delta = sum over the head's width of dcontext * context, which is also the sum over keys of
// probability times its gradient. A warp takes a row of one head.
template <class T>
__global__ void __launch_bounds__(kThreads)
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

// The probability of one (query, key), as dropout left it, and the gradient of its score.
struct Pair {
  float dropped = 0, gradient = 0;
};
__device__ __forceinline__ Pair pairOf(const Head& head, const DropoutMask& mask,
                                       const float* logSums, const float* deltas, int64_t query,
                                       int64_t key, float score, float product) {
  if (key > query || query >= head.sequence) return {};
  const float p = expf(score * head.scale - logSums[head.firstSum + query]);
  const float factor = dropFactor(mask, head, query, key);
  return {p * factor, p * (product * factor - deltas[head.firstSum + query]) * head.scale};
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    backwardQueries(AttentionShape shape, AttentionDropout dropout, DropoutMask mask, const T* qkv,
                    const T* dcontext, const float* logSums, const float* deltas, T* dqkv) {
  const Head head(shape, dropout, blockIdx.y);
  const Tiles tiles(head.width);
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int64_t begin = int64_t{blockIdx.x} * kRows;
  const int64_t ownRow = threadIdx.x / kWarp * kRowsPerWarp;
  stage(head, head.part(qkv, kQuery), head.stride, begin, kRows, head.width, tiles.first);
  stage(head, dcontext + head.contextBase, head.contextStride, begin, kRows, head.width,
        tiles.second);

  Columns dquery;
  for (int64_t keys = 0; keys < begin + kRows && keys < head.sequence; keys += kWarp) {
    __syncthreads();
    stage(head, head.part(qkv, kKey), head.stride, keys, kWarp, head.width + 1, tiles.other);
    stage(head, head.part(qkv, kValue), head.stride, keys, kWarp, head.width + 1, tiles.another);
    __syncthreads();
    const Scores scores = dotRows(tiles.first + ownRow * head.width,
                                  tiles.other + lane * (head.width + 1), head.width);
    const Scores products = dotRows(tiles.second + ownRow * head.width,
                                    tiles.another + lane * (head.width + 1), head.width);
    for (int r = 0; r < kRowsPerWarp; ++r) {
      const Pair pair = pairOf(head, mask, logSums, deltas, begin + ownRow + r, keys + lane,
                               scores.of[r], products.of[r]);
      dquery.add(r, pair.gradient, tiles.other, head, lane);
    }
  }
  for (int r = 0; r < kRowsPerWarp; ++r) {
    const int64_t query = begin + ownRow + r;
    if (query < head.sequence)
      dquery.write(r, 1, dqkv + head.base + query * head.stride, head, lane);
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    backwardKeys(AttentionShape shape, AttentionDropout dropout, DropoutMask mask, const T* qkv,
                 const T* dcontext, const float* logSums, const float* deltas, T* dqkv) {
  const Head head(shape, dropout, blockIdx.y);
  const Tiles tiles(head.width);
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int64_t begin = int64_t{blockIdx.x} * kRows;
  const int64_t ownRow = threadIdx.x / kWarp * kRowsPerWarp;
  stage(head, head.part(qkv, kKey), head.stride, begin, kRows, head.width, tiles.first);
  stage(head, head.part(qkv, kValue), head.stride, begin, kRows, head.width, tiles.second);

  Columns dkey;
  Columns dvalue;
  // The first tile whose queries see the first key.
  for (int64_t queries = begin / kWarp * kWarp; queries < head.sequence; queries += kWarp) {
    __syncthreads();
    stage(head, head.part(qkv, kQuery), head.stride, queries, kWarp, head.width + 1, tiles.other);
    stage(head, dcontext + head.contextBase, head.contextStride, queries, kWarp, head.width + 1,
          tiles.another);
    __syncthreads();
    const Scores scores = dotRows(tiles.first + ownRow * head.width,
                                  tiles.other + lane * (head.width + 1), head.width);
    const Scores products = dotRows(tiles.second + ownRow * head.width,
                                    tiles.another + lane * (head.width + 1), head.width);
    for (int r = 0; r < kRowsPerWarp; ++r) {
      const Pair pair = pairOf(head, mask, logSums, deltas, queries + lane, begin + ownRow + r,
                               scores.of[r], products.of[r]);
      dkey.add(r, pair.gradient, tiles.other, head, lane);
      dvalue.add(r, pair.dropped, tiles.another, head, lane);
    }
  }
  for (int r = 0; r < kRowsPerWarp; ++r) {
    const int64_t key = begin + ownRow + r;
    if (key >= head.sequence) continue;
    T* row = dqkv + head.base + key * head.stride;
    dkey.write(r, 1, row + kKey * head.contextStride, head, lane);
    dvalue.write(r, 1, row + kValue * head.contextStride, head, lane);
  }
}

LaunchShape rowsShape(AttentionShape shape) {
  return {ceilDiv(shape.sequence, kRows), dim3(kThreads), sharedBytes(shape.headWidth),
          shape.batch * shape.heads};
}

DropoutMask maskOf(const AttentionDropout& dropout) {
  return dropout.site.probability > 0 ? cuda::maskOf(dropout.site) : DropoutMask{};
}

}  // namespace

template <class T>
void flashForward(Queue& queue, AttentionShape shape, const AttentionDropout& dropout, const T* qkv,
                  T* context, float* logSums) {
  launch(queue, "flashForward", forward<T>, rowsShape(shape), shape, dropout, maskOf(dropout), qkv,
         context, logSums);
}

template <class T>
void flashBackward(Queue& queue, AttentionShape shape, const AttentionDropout& dropout,
                   const T* qkv, const T* context, const float* logSums, const T* dcontext,
                   float* deltas, T* dqkv) {
  const int64_t rows = shape.batch * shape.heads * shape.sequence;
  launch(queue, "flashDeltas", rowDeltas<T>, {ceilDiv(rows, kWarps), dim3(kThreads)}, shape,
         context, dcontext, deltas);
  launch(queue, "flashQueries", backwardQueries<T>, rowsShape(shape), shape, dropout,
         maskOf(dropout), qkv, dcontext, logSums, deltas, dqkv);
  launch(queue, "flashKeys", backwardKeys<T>, rowsShape(shape), shape, dropout, maskOf(dropout),
         qkv, dcontext, logSums, deltas, dqkv);
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
