#include "runtime/kernels/gemm.h"

#include <cblas.h>

namespace caracal::kernels {
namespace {

CBLAS_TRANSPOSE blas(Transpose t) {
  return t == Transpose::kYes ? CblasTrans : CblasNoTrans;
}

}  // namespace

void useOneBlasThread() {
  openblas_set_num_threads(1);
}

void gemm(GemmShape shape, float alpha, Operand a, Operand b, float beta, float* c,
          int64_t cStride) {
  cblas_sgemm(CblasRowMajor, blas(a.transpose), blas(b.transpose), static_cast<blasint>(shape.m),
              static_cast<blasint>(shape.n), static_cast<blasint>(shape.k), alpha, a.data,
              static_cast<blasint>(a.stride), b.data, static_cast<blasint>(b.stride), beta, c,
              static_cast<blasint>(cStride));
}

void linearForward(LinearShape shape, const float* x, const float* w, const float* bias, float* y) {
  float beta = 0;
  if (bias != nullptr) {
    for (int64_t r = 0; r < shape.rows; ++r) {
      for (int64_t o = 0; o < shape.out; ++o) y[r * shape.out + o] = bias[o];
    }
    beta = 1;
  }
  gemm({shape.rows, shape.out, shape.in}, 1, {x, shape.in, Transpose::kNo},
       {w, shape.in, Transpose::kYes}, beta, y, shape.out);
}

void linearBackwardInput(LinearShape shape, const float* dy, const float* w, float* dx) {
  gemm({shape.rows, shape.in, shape.out}, 1, {dy, shape.out, Transpose::kNo},
       {w, shape.in, Transpose::kNo}, 0, dx, shape.in);
}

void linearBackwardWeight(LinearShape shape, const float* x, const float* dy, float* dw,
                          float* dbias) {
  gemm({shape.out, shape.in, shape.rows}, 1, {dy, shape.out, Transpose::kYes},
       {x, shape.in, Transpose::kNo}, 1, dw, shape.in);
  if (dbias == nullptr) return;
  for (int64_t r = 0; r < shape.rows; ++r) {
    for (int64_t o = 0; o < shape.out; ++o) dbias[o] += dy[r * shape.out + o];
  }
}

}  // namespace caracal::kernels
