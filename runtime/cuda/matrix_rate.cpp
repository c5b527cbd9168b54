#include "runtime/cuda/matrix_rate.h"

#include <cuda_bf16.h>

#include <algorithm>

#include "runtime/cuda/check.h"
#include "runtime/cuda/gemm.h"
#include "runtime/cuda/kernels/adamw.h"
#include "runtime/cuda/streams.h"

namespace caracal::cuda {
namespace {

constexpr int kTimings = 7;
using Matrix = DeviceArray<__nv_bfloat16>;

// Zeroes would take less power than numbers do, and so run at a higher clock.
Result<Matrix> makeMatrix(Queue& queue, int64_t count) {
  CARACAL_TRY(pinned, PinnedArray<float>::make(count));
  uint32_t state = 1;
  for (int64_t i = 0; i < count; ++i) {
    state = state * 1664525U + 1013904223U;  // Numerical Recipes' generator
    pinned.data()[i] = static_cast<float>(state >> 8) / static_cast<float>(1 << 23) - 1.0F;
  }
  CARACAL_TRY(wide, DeviceArray<float>::make(count));
  CARACAL_TRY(matrix, Matrix::make(count));
  queue.note("cudaMemcpyAsync", cudaMemcpyAsync(wide.data(), pinned.data(), wide.bytes(),
                                                cudaMemcpyHostToDevice, queue.stream));
  copyToBf16(queue, count, wide.data(), matrix.data());
  CARACAL_CHECK_OK(check(queue));
  CARACAL_CHECK_OK(check(cudaStreamSynchronize(queue.stream), "filling a matrix"));
  return std::move(matrix);
}

class RateBench {
 public:
  static Result<RateBench> make() {
    RateBench bench;
    CARACAL_TRY(stream, Stream::make(Priority::kMiddle));
    bench.m_stream = std::move(stream);
    bench.m_lane.queue.stream = bench.m_stream.get();
    CARACAL_TRY(workspace, DeviceArray<uint8_t>::make(kGemmWorkspaceBytes));
    bench.m_workspace = std::move(workspace);
    bench.m_lane.gemmWorkspace = bench.m_workspace.data();
    CARACAL_TRY(gemm, makeGemm());
    bench.m_gemm = std::move(gemm);
    return bench;
  }

  Result<MatrixRate> measure(const MatrixSize& size, int32_t repeats) {
    CARACAL_TRY(a, makeMatrix(m_lane.queue, size.m * size.k));
    CARACAL_TRY(b, makeMatrix(m_lane.queue, size.n * size.k));
    CARACAL_TRY(c, Matrix::make(size.m * size.n));
    GemmCall product;
    product.m = size.m;
    product.n = size.n;
    product.k = size.k;
    product.a = {a.data(), size.k};
    product.b = {b.data(), size.k, true};  // weights lie so
    product.c = c.data();
    product.cStride = size.n;
    product.in = product.out = Number::kBf16;
    CARACAL_CHECK_OK(time(product, repeats));  // clocks rise, the algorithm is chosen
    std::vector<double> timings;
    for (int i = 0; i < kTimings; ++i) {
      CARACAL_TRY(ns, time(product, repeats));
      timings.push_back(ns / repeats);
    }
    const auto median = timings.begin() + kTimings / 2;
    std::nth_element(timings.begin(), median, timings.end());
    return MatrixRate{size, *median};
  }

 private:
  Result<double> time(const GemmCall& product, int32_t repeats) {
    Queue& queue = m_lane.queue;
    const Event begin = m_events.record(queue);
    for (int32_t i = 0; i < repeats; ++i) CARACAL_CHECK_OK(m_gemm->multiply(m_lane, product));
    const Event end = m_events.record(queue);
    CARACAL_CHECK_OK(check(queue));
    CARACAL_CHECK_OK(check(cudaEventSynchronize(end.get()), "a product"));
    float milliseconds = 0;
    CARACAL_CHECK_OK(
        check(cudaEventElapsedTime(&milliseconds, begin.get(), end.get()), "timing a product"));
    return 1e6 * static_cast<double>(milliseconds);
  }

  EventPool m_events;
  Stream m_stream;
  DeviceArray<uint8_t> m_workspace;
  Lane m_lane;
  std::unique_ptr<Gemm> m_gemm;
};

}  // namespace

Result<std::vector<MatrixRate>> measureMatrixRates(const std::vector<MatrixSize>& sizes,
                                                   int32_t repeats) {
  CARACAL_TRY(bench, RateBench::make());
  std::vector<MatrixRate> rates;
  for (const MatrixSize& size : sizes) {
    CARACAL_TRY(rate, bench.measure(size, repeats));
    rates.push_back(rate);
  }
  return rates;
}

}  // namespace caracal::cuda
