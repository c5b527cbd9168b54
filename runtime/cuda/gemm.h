// Matrix products on the GPU. Matrices are row-major, as everywhere in the runtime.
#pragma once

#include <cstdint>
#include <memory>

#include "core/base/result.h"
#include "runtime/cuda/kernels/queue.h"

namespace caracal::cuda {

enum class Number : uint8_t { kFp32, kBf16 };

struct GemmOperand {
  const void* data = nullptr;
  int64_t stride = 0;  // of rows, in numbers
  bool transposed = false;
  int64_t batchStride = 0;
};

// C = alpha * op(A) * op(B) + beta * C + bias, for each of `batches`, with op(A) (m, k), op(B)
// (k, n), C (m, n); bias (n) in the numbers of C, or none.
struct GemmCall {
  int64_t m = 0, n = 0, k = 0;
  float alpha = 1, beta = 0;
  GemmOperand a, b;
  void* c = nullptr;
  int64_t cStride = 0, cBatchStride = 0;
  int32_t batches = 1;
  Number in = Number::kFp32;   // of A and B
  Number out = Number::kFp32;  // of C; sums are fp32 always
  const void* bias = nullptr;
};

// A queue that operators run on, with memory of its own for products.
struct Lane {
  Queue queue;
  void* gemmWorkspace = nullptr;
};
inline constexpr int64_t kGemmWorkspaceBytes = int64_t{32} << 20;  // what Hopper's products want

class Gemm {
 public:
  virtual ~Gemm() = default;
  // Equal shapes always take the same algorithm, so that a recomputation gives the bits of the
  // forward. Used by one thread.
  virtual Result<void> multiply(Lane& lane, const GemmCall& call) = 0;

 protected:
  Gemm() = default;
  Gemm(const Gemm&) = default;
  Gemm& operator=(const Gemm&) = default;
};

// `multiprocessors`: that a product may count on, of which algorithms fill whole waves; 0: all of
// the GPU. Fails when the library is not there, with words. Defined by the library linked:
// cuBLASLt, or the emulator's.
Result<std::unique_ptr<Gemm>> makeGemm(int32_t multiprocessors = 0);

}  // namespace caracal::cuda
