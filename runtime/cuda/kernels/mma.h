// Products of small bf16 matrices on tensor cores, a warp together, with sums in fp32: the
// instructions mma.m16n8k16 and ldmatrix of PTX (sm_80 and later). Included by .cu files only; on
// the emulator the same functions are written down lane by lane.
//
// With g = lane / 4 and t = lane % 4 a lane holds
//   A (16, 16): a[0] row g, a[1] row g + 8, columns 2t and 2t + 1; a[2], a[3] the same 8 to the
//   right B (16, 8):  b[0] rows 2t and 2t + 1 of column g, b[1] those 8 further down C (16, 8):
//   c[0], c[1] row g, columns 2t and 2t + 1; c[2], c[3] row g + 8
// two bf16 numbers in a word, the first in the lower half.
#pragma once

#include <cstring>

#include "runtime/cuda/kernels/device_math.h"

namespace caracal::cuda {

inline constexpr int kMmaRows = 16;
inline constexpr int kMmaColumns = 8;

struct Words4 {
  uint32_t of[4];
};

__device__ __forceinline__ uint32_t packed(float first, float second) {
  const Bf16 pair[2] = {fromFloat<Bf16>(first), fromFloat<Bf16>(second)};
  uint32_t word = 0;
  memcpy(&word, pair, sizeof(word));
  return word;
}

#if defined(__CUDACC__)

// C += A B.
__device__ __forceinline__ void mma(float (&c)[4], const Words4& a, uint32_t b0, uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a.of[0]), "r"(a.of[1]), "r"(a.of[2]), "r"(a.of[3]), "r"(b0), "r"(b1));
}

// Four (8, 8) matrices of shared memory: lane i gives where row i % 8 of matrix i / 8 begins (16
// bytes, aligned so), and gets of each matrix row g, columns 2t and 2t + 1.
__device__ __forceinline__ Words4 loadMatrices(const Bf16* row) {
  Words4 words;
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(words.of[0]), "=r"(words.of[1]), "=r"(words.of[2]), "=r"(words.of[3])
               : "r"(address)
               : "memory");
  return words;
}
// The same of the matrices transposed: rows 2t and 2t + 1 of column g.
__device__ __forceinline__ Words4 loadTransposedMatrices(const Bf16* row) {
  Words4 words;
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(words.of[0]), "=r"(words.of[1]), "=r"(words.of[2]), "=r"(words.of[3])
               : "r"(address)
               : "memory");
  return words;
}

#else

inline float half(uint64_t word, int which) {
  const auto bits = static_cast<uint16_t>(word >> (16 * which));
  return toFloat(Bf16{bits});
}

inline void mma(float (&c)[4], const Words4& a, uint32_t b0, uint32_t b1) {
  const auto top = emulator::gather(uint64_t{a.of[0]} | uint64_t{a.of[2]} << 32);
  const auto bottom = emulator::gather(uint64_t{a.of[1]} | uint64_t{a.of[3]} << 32);
  const auto right = emulator::gather(uint64_t{b0} | uint64_t{b1} << 32);
  const int g = static_cast<int>(emulator::lane()) / 4;
  const int t = static_cast<int>(emulator::lane()) % 4;
  for (int k = 0; k < 16; ++k) {
    const int holder = k % 8 / 2;
    const int which = k % 2 + k / 8 * 2;
    for (int column = 0; column < 2; ++column) {
      const float b = half(right[(2 * t + column) * 4 + holder], which);
      c[column] += half(top[g * 4 + holder], which) * b;
      c[column + 2] += half(bottom[g * 4 + holder], which) * b;
    }
  }
}

inline Words4 wordsOf(const Bf16* row, bool transposed) {
  const auto rows = emulator::gather(row);
  const int g = static_cast<int>(emulator::lane()) / 4;
  const int t = static_cast<int>(emulator::lane()) % 4;
  Words4 words{};
  for (int m = 0; m < 4; ++m) {
    const auto at = [&](int i) {
      return transposed ? rows[m * 8 + 2 * t + i][g] : rows[m * 8 + g][2 * t + i];
    };
    words.of[m] = uint32_t{at(0).bits} | uint32_t{at(1).bits} << 16;
  }
  return words;
}
inline Words4 loadMatrices(const Bf16* row) {
  return wordsOf(row, false);
}
inline Words4 loadTransposedMatrices(const Bf16* row) {
  return wordsOf(row, true);
}

#endif

}  // namespace caracal::cuda
