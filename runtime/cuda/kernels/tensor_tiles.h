// What the kernels of flash attention on tensor cores share. A block owns kRows rows (queries
// forward and for dq, keys for dk and dv), 16 to a warp, and walks over tiles of the other side.
// Scores stay in the registers that the tensor cores leave them in, which are, two tiles side by
// side, those of the left factor of the next product. Heads narrower than kWidth are filled up with
// zeros in shared memory. Included by .cu files only.
#pragma once

#include <type_traits>

#include "runtime/cuda/kernels/attention_head.h"
#include "runtime/cuda/kernels/mma.h"

namespace caracal::cuda {

inline constexpr int kWarps = 4;
inline constexpr int kThreads = kWarps * kWarp;
inline constexpr int kRows = kWarps * kMmaRows;  // of a block
inline constexpr int kVector = 8;                // numbers in 16 bytes

// Rows of shared memory; the pad lets a warp load 8 rows of a column without bank conflicts.
template <int kWidth>
inline constexpr int kTileStride = kWidth + kVector;

// Rows begin to begin + kCount of a matrix; 0 past the sequence and past the head's width.
template <int kCount, int kWidth>
__device__ __forceinline__ void stageRows(const Head& head, HeadRows<const Bf16> matrix,
                                          int64_t begin, Bf16* tile) {
  constexpr int kVectors = kWidth / kVector;
  for (int i = static_cast<int>(threadIdx.x); i < kCount * kVectors; i += kThreads) {
    const int row = i / kVectors;
    const int column = i % kVectors * kVector;
    Vector16 values{};
    if (begin + row < head.sequence && column < head.width) {
      values =
          *reinterpret_cast<const Vector16*>(matrix.first + (begin + row) * matrix.stride + column);
    }
    *reinterpret_cast<Vector16*>(tile + row * kTileStride<kWidth> + column) = values;
  }
}

// (16, 8 * kTiles) of a warp, as mma.h lays (16, 8) out.
template <int kTiles>
struct Sums {
  float of[kTiles][4] = {};
};

// What a thread works at: `row` is the first of its two, the other is 8 further down; of each tile
// of 8 columns it has `column` and the next.
struct TilePlace {
  int lane;
  int64_t begin;  // the block's first row
  int warpRow;    // the warp's first, from there
  int row, column;

  __device__ TilePlace()
      : lane(static_cast<int>(threadIdx.x) % kWarp),
        begin(int64_t{blockIdx.x} * kRows),
        warpRow(static_cast<int>(threadIdx.x) / kWarp * kMmaRows),
        row(warpRow + lane / 4),
        column(lane % 4 * 2) {}

  __device__ __forceinline__ int64_t rowOf(int element) const {
    return begin + row + element / 2 * 8;
  }
};

// sums (16, kCount) += own (16, kWidth) * tile^T, whose rows are kCount vectors.
template <int kCount, int kWidth>
__device__ __forceinline__ void addScores(Sums<kCount / 8>& sums, const Bf16* own, const Bf16* tile,
                                          int lane) {
  constexpr int kStride = kTileStride<kWidth>;
#pragma unroll
  for (int k = 0; k < kWidth; k += kMmaRows) {
    const Words4 left = loadMatrices(own + lane % 16 * kStride + k + lane / 16 * 8);
#pragma unroll
    for (int n = 0; n < kCount; n += 16) {
      const int row = n + lane % 8 + lane / 16 * 8;
      const Words4 right = loadMatrices(tile + row * kStride + k + lane / 8 % 2 * 8);
      mma(sums.of[n / 8], left, right.of[0], right.of[1]);
      mma(sums.of[n / 8 + 1], left, right.of[2], right.of[3]);
    }
  }
}

// sums (16, kWidth) += weights (16, kCount), rounded, * tile (kCount, kWidth).
template <int kCount, int kWidth>
__device__ __forceinline__ void addWeighted(Sums<kWidth / 8>& sums, const Sums<kCount / 8>& weights,
                                            const Bf16* tile, int lane) {
  constexpr int kStride = kTileStride<kWidth>;
#pragma unroll
  for (int k = 0; k < kCount; k += kMmaRows) {
    const float(&first)[4] = weights.of[k / 8];
    const float(&second)[4] = weights.of[k / 8 + 1];
    const Words4 left{{packed(first[0], first[1]), packed(first[2], first[3]),
                       packed(second[0], second[1]), packed(second[2], second[3])}};
#pragma unroll
    for (int n = 0; n < kWidth; n += 16) {
      const Words4 right =
          loadTransposedMatrices(tile + (k + lane % 16) * kStride + n + lane / 16 * 8);
      mma(sums.of[n / 8], left, right.of[0], right.of[1]);
      mma(sums.of[n / 8 + 1], left, right.of[2], right.of[3]);
    }
  }
}

// Writes the thread's rows that are inside the sequence, each times its factor.
template <int kWidth>
__device__ __forceinline__ void writeRows(const Sums<kWidth / 8>& sums, const Head& head,
                                          const TilePlace& at, HeadRows<Bf16> out,
                                          const float (&factors)[2]) {
#pragma unroll
  for (int n = 0; n < kWidth / 8; ++n) {
#pragma unroll
    for (int e = 0; e < 4; e += 2) {
      const int64_t row = at.rowOf(e);
      const int column = n * 8 + at.column;
      if (row >= head.sequence || column >= head.width) continue;
      const float factor = factors[e / 2];
      *reinterpret_cast<uint32_t*>(out.first + row * out.stride + column) =
          packed(sums.of[n][e] * factor, sums.of[n][e + 1] * factor);
    }
  }
}

template <int kWidth>
LaunchShape tileShape(AttentionShape shape, int rows) {
  return {ceilDiv(shape.sequence, kRows), dim3(kThreads),
          static_cast<size_t>(rows * kTileStride<kWidth>) * sizeof(Bf16),
          shape.batch * shape.heads};
}

// Calls `work` with the width that the kernels are compiled for, as a constant.
template <class Work>
void withWidth(AttentionShape shape, Work work) {
  if (shape.headWidth <= 64) {
    work(std::integral_constant<int, 64>());
  } else {
    work(std::integral_constant<int, kMostHeadWidth>());
  }
}

}  // namespace caracal::cuda
