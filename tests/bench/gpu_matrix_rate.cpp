// How fast a GPU multiplies bf16 matrices, for gpu-check: a table of sizes and, as the last line,
// the best of them. Without a GPU it says so and ends with 4.
#include <fmt/format.h>

#include <algorithm>

#include "core/device/devices.h"
#include "runtime/cuda/rate_entry.h"

namespace {

using caracal::ErrorCode;
using caracal::Result;
using caracal::cuda::MatrixRate;
using caracal::cuda::MatrixSize;

// Squares, and the products of a layer and the head of GPT 1.3B for 8 sequences of 1024.
const std::vector<MatrixSize> kSizes{
    {2048, 2048, 2048},    {4096, 4096, 4096}, {8192, 8192, 8192},
    {16384, 16384, 16384}, {8192, 6144, 2048}, {8192, 2048, 2048},
    {8192, 8192, 2048},    {8192, 2048, 8192}, {8192, 50304, 2048}};
constexpr int32_t kRepeats = 20;
constexpr int kFailed = 1;
constexpr int kCannotAnswer = 4;

Result<std::vector<MatrixRate>> measure() {
  CARACAL_TRY(function, caracal::device::cudaModuleFunction(caracal::cuda::kRateEntry));
  Result<std::vector<MatrixRate>> rates;
  reinterpret_cast<caracal::cuda::RateEntry>(function)(0, kSizes, kRepeats, rates);
  return rates;
}

}  // namespace

int main() {
  const auto rates = measure();
  if (!rates) {
    fmt::print(stderr, "{}\n", rates.error().text());
    return rates.error().code == ErrorCode::kNotFound ? kCannotAnswer : kFailed;
  }
  double best = 0;
  fmt::print("{:>7} {:>7} {:>7} {:>10} {:>9}\n", "m", "n", "k", "us", "TFLOP/s");
  for (const MatrixRate& rate : *rates) {
    best = std::max(best, rate.flopsPerSecond());
    fmt::print("{:>7} {:>7} {:>7} {:>10.1f} {:>9.1f}\n", rate.size.m, rate.size.n, rate.size.k,
               rate.nsPerProduct / 1e3, rate.flopsPerSecond() / 1e12);
  }
  fmt::print("best {:.1f} TFLOP/s\n", best / 1e12);
  return 0;
}
