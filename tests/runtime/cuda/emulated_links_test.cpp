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

// Operators run alone and links take their time on the clock only: nothing is left to chance.
TEST(EmulatedLinks, takeExactlyTheirTimeOnAVirtualClock) {
  constexpr int64_t kLatencyNs = 400'000;
  test::Sizes sizes;
  sizes.tensor = 2;
  sizes.pipeline = 2;
  sizes.layers = 2;
  std::vector<recording::OperatorRow> first;
  for (const uint64_t seed : {41, 42}) {
    shuffleStreams(seed);
    auto loaded = backendUnderTest();
    const auto job = executor::jobFromModel(test::tinyModel(sizes), "1F1B", loaded->facts);
    ASSERT_TRUE(job) << job.error().text();
    executor::RunOptions options = test::quickOptions(1);
    options.clock = comm::ClockKind::kVirtual;
    options.backend = loaded->backend.get();
    options.links.tensor = options.links.pipeline = {kLatencyNs, 0};
    std::vector<recording::OperatorRow> rows;
    const auto summary =
        test::train(*job, options,
                    [&](const executor::StepReport&,
                        const recording::StepRecords& records) -> Result<executor::Continue> {
                      rows = records.operators;
                      return executor::Continue::kYes;
                    });
    ASSERT_TRUE(summary) << summary.error().text();
    int64_t transfers = 0;
    for (const recording::OperatorRow& row : rows) {
      if (row.transferNs < 0) continue;
      ++transfers;
      EXPECT_EQ(row.transferNs, kLatencyNs) << row.name;
    }
    EXPECT_GT(transfers, 0);
    if (first.empty()) first = rows;
    ASSERT_EQ(rows.size(), first.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(rows[i].name, first[i].name);
      EXPECT_EQ(rows[i].beginNs, first[i].beginNs) << rows[i].name;
      EXPECT_EQ(rows[i].endNs, first[i].endNs) << rows[i].name;
    }
  }
}

}  // namespace
}  // namespace caracal::cuda
