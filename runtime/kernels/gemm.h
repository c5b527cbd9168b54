// Linear layers in fp32 on OpenBLAS. One BLAS thread per calling thread, so that a result depends
// on its operands alone and ranks do not fight for cores.
//
// Matrices are row-major; `rows` is tokens of a micro-batch (batch * sequence).
#pragma once

#include <cstdint>

namespace caracal::kernels {

// Makes OpenBLAS compute in the calling thread. Call once before the first GEMM of the program.
void useOneBlasThread();

// C = alpha * op(A) * op(B) + beta * C with op(A) (m, k), op(B) (k, n), C (m, n); ld* are row
// strides.
enum class Transpose : uint8_t { kNo, kYes };
struct GemmShape {
  int64_t m = 0, n = 0, k = 0;
};
struct Operand {
  const float* data = nullptr;
  int64_t stride = 0;
  Transpose transpose = Transpose::kNo;
};
void gemm(GemmShape shape, float alpha, Operand a, Operand b, float beta, float* c,
          int64_t cStride);

// y = x w^T + bias. x (rows, in), w (out, in), bias (out) or nullptr, y (rows, out).
struct LinearShape {
  int64_t rows = 0, in = 0, out = 0;
};
void linearForward(LinearShape shape, const float* x, const float* w, const float* bias, float* y);
// dx = dy w.
void linearBackwardInput(LinearShape shape, const float* dy, const float* w, float* dx);
// dw += dy^T x, dbias += column sums of dy; dbias may be nullptr.
void linearBackwardWeight(LinearShape shape, const float* x, const float* dy, float* dw,
                          float* dbias);

}  // namespace caracal::kernels
