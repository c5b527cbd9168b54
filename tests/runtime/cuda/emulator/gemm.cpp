// What stands for the vendor's libraries: products by the CPU's, in fp32, and no parts of a GPU.
#include "runtime/cuda/gemm.h"

#include <cuda_bf16.h>

#include <vector>

#include "runtime/cuda/sm_partition.h"
#include "runtime/kernels/gemm.h"

namespace caracal::cuda {
namespace {

float get(const void* data, Number number, int64_t i) {
  return number == Number::kBf16 ? __bfloat162float(static_cast<const __nv_bfloat16*>(data)[i])
                                 : static_cast<const float*>(data)[i];
}

void put(void* data, Number number, int64_t i, float value) {
  if (number == Number::kBf16) {
    static_cast<__nv_bfloat16*>(data)[i] = __float2bfloat16(value);
  } else {
    static_cast<float*>(data)[i] = value;
  }
}

struct Dense {
  std::vector<float> values;
  int64_t columns = 0;
  kernels::Operand operand(bool transposed) const {
    return {values.data(), columns,
            transposed ? kernels::Transpose::kYes : kernels::Transpose::kNo};
  }
};

// op(matrix) is (rows, columns).
Dense denseOf(const GemmOperand& matrix, Number number, int64_t batch, int64_t rows,
              int64_t columns) {
  if (matrix.transposed) std::swap(rows, columns);
  Dense dense{{}, columns};
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      dense.values.push_back(
          get(matrix.data, number, batch * matrix.batchStride + r * matrix.stride + c));
    }
  }
  return dense;
}

void multiplyBatch(const GemmCall& call, int64_t batch) {
  const Dense a = denseOf(call.a, call.in, batch, call.m, call.k);
  const Dense b = denseOf(call.b, call.in, batch, call.k, call.n);
  std::vector<float> c(static_cast<size_t>(call.m * call.n));
  const auto at = [&](int64_t i) {
    return batch * call.cBatchStride + i / call.n * call.cStride + i % call.n;
  };
  for (int64_t i = 0; i < call.m * call.n && call.beta != 0; ++i)
    c[static_cast<size_t>(i)] = get(call.c, call.out, at(i));
  kernels::gemm({call.m, call.n, call.k}, call.alpha, a.operand(call.a.transposed),
                b.operand(call.b.transposed), call.beta, c.data(), call.n);
  for (int64_t i = 0; i < call.m * call.n; ++i) {
    const float bias = call.bias != nullptr ? get(call.bias, call.out, i % call.n) : 0.0F;
    put(call.c, call.out, at(i), c[static_cast<size_t>(i)] + bias);
  }
}

class EmulatedGemm final : public Gemm {
 public:
  Result<void> multiply(Lane& lane, const GemmCall& call) override {
    emulator::enqueue(lane.queue.stream, [call] {
      for (int64_t batch = 0; batch < call.batches; ++batch) multiplyBatch(call, batch);
    });
    return {};
  }
};

}  // namespace

Result<std::unique_ptr<Gemm>> makeGemm(int32_t) {
  return std::make_unique<EmulatedGemm>();
}

Result<std::unique_ptr<SmPartition>> makeSmPartition(int32_t, int32_t) {
  return fail(ErrorCode::kUnsupported, "the emulator has no multiprocessors");
}

}  // namespace caracal::cuda
