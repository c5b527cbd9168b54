// The bench of matrix products on the emulator, where every launch takes 1 us.
#include "runtime/cuda/matrix_rate.h"

#include <gtest/gtest.h>

namespace caracal::cuda {
namespace {

TEST(MatrixRate, countsTwoOperationsForEachProductAndDividesByTheTimeOfOne) {
  const auto rates = measureMatrixRates({{8, 16, 4}, {2, 2, 2}}, 5);
  ASSERT_TRUE(rates) << rates.error().text();
  ASSERT_EQ(rates->size(), 2U);
  EXPECT_NEAR(rates->at(0).nsPerProduct, 1000, 1e-3);  // events tell times as a float
  EXPECT_NEAR(rates->at(0).flopsPerSecond(), 2.0 * 8 * 16 * 4 / 1e-6, 1e3);
}

}  // namespace
}  // namespace caracal::cuda
