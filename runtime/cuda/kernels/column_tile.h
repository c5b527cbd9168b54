// How kernels that sum over rows cut a matrix into blocks: kTileColumns columns and one of
// kRowChunks chunks of rows, walked by kTileRows lanes of rows.
#pragma once

#include "runtime/cuda/kernels/column_sum.h"
#include "runtime/cuda/kernels/device_math.h"

namespace caracal::cuda {

inline constexpr int kTileColumns = 32;
inline constexpr int kTileRows = 8;

inline LaunchShape columnTileShape(int64_t width) {
  return {ceilDiv(width, kTileColumns), dim3(kTileColumns, kTileRows), 0, kRowChunks};
}

// Sums `value(row, column)` over the chunk of the block (blockIdx.y) into partial(chunk, column).
// `tile` is shared memory of the block, written anew.
template <class Value>
__device__ __forceinline__ void sumColumnTile(RowShape shape, float* partial, Value value) {
  __shared__ float tile[kTileRows][kTileColumns];
  const int64_t column = int64_t{blockIdx.x} * kTileColumns + threadIdx.x;
  const int64_t rowsOfChunk = (shape.rows + kRowChunks - 1) / kRowChunks;
  const int64_t begin = blockIdx.y * rowsOfChunk;
  const int64_t end = begin + rowsOfChunk < shape.rows ? begin + rowsOfChunk : shape.rows;
  float sum = 0;
  if (column < shape.width) {
    for (int64_t row = begin + threadIdx.y; row < end; row += kTileRows) sum += value(row, column);
  }
  __syncthreads();  // an earlier use of the tile has been read
  tile[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || column >= shape.width) return;
  for (int r = 1; r < kTileRows; ++r) sum += tile[r][threadIdx.x];
  partial[blockIdx.y * shape.width + column] = sum;
}

}  // namespace caracal::cuda
