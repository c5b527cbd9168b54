// Emulated links of the CUDA backend, on the emulator's clock, where a launch takes 1 us.
#include <gtest/gtest.h>

#include "tests/runtime/cuda/backend_under_test.h"
#include "tests/runtime/tiny_model.h"

namespace caracal::cuda {
namespace {

TEST(EmulatedLinks, takeTheTimeTheyState) {
  constexpr int64_t kLatencyNs = 400'000;
  auto loaded = backendUnderTest();
  test::Sizes sizes;
  sizes.tensor = 2;
  sizes.layers = 2;
  const auto job = executor::jobFromModel(test::tinyModel(sizes), "1F1B", loaded->facts);
  ASSERT_TRUE(job) << job.error().text();
  executor::RunOptions options = test::quickOptions(2);
  options.clock = comm::ClockKind::kWall;
  options.backend = loaded->backend.get();
  options.links.tensor = {kLatencyNs, 0};
  int64_t collectives = 0;
  const auto summary =
      test::train(*job, options,
                  [&](const executor::StepReport& step,
                      const recording::StepRecords& records) -> Result<executor::Continue> {
                    EXPECT_GT(step.span.lengthNs(), 0);
                    for (const recording::OperatorRow& row : records.operators) {
                      if (row.lane != "tp-comm") continue;
                      ++collectives;
                      EXPECT_GE(row.transferNs, kLatencyNs);
                      EXPECT_LE(row.transferNs, kLatencyNs + 10'000);
                    }
                    return executor::Continue::kYes;
                  });
  ASSERT_TRUE(summary) << summary.error().text();
  // Two steps of four micro-batches, two layers, four all-reduces each, on two ranks.
  EXPECT_EQ(collectives, 2 * 4 * 2 * 4 * 2);
  // A step takes what its GPU takes, whatever the host does: 32 transfers, and launches of 1 us.
  EXPECT_GE(summary->steps.back().span.lengthNs(), 32 * kLatencyNs);
  EXPECT_LT(summary->steps.back().span.lengthNs(), 32 * kLatencyNs * 3 / 2);
}

}  // namespace
}  // namespace caracal::cuda
