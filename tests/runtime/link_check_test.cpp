#include "runtime/executor/link_check.h"

#include <gtest/gtest.h>

#include "tests/runtime/tiny_model.h"

namespace caracal::executor {
namespace {

recording::OperatorRow transfer(const std::string& lane, int64_t askedNs, int64_t transferNs) {
  recording::OperatorRow row;
  row.kind = trace::EventKind::kComm;
  row.lane = lane;
  row.askedNs = askedNs;
  row.transferNs = transferNs;
  return row;
}

TEST(LinkCheck, saysWhatHalfOfTheTransfersTook) {
  LinkCheck check;
  recording::StepRecords records;
  for (const int64_t tookNs : {1000, 1010, 1020, 3000})
    records.operators.push_back(transfer("tp-comm", 1000, tookNs));
  records.operators.push_back(transfer("tp-comm", -1, 9000));  // nobody saw its end
  records.operators.push_back(transfer("dp-comm", 2000, 2200));
  check.add(records);
  const auto figures = check.figures();
  ASSERT_EQ(figures.size(), 2U);
  EXPECT_EQ(figures[0].link, "tensor");
  EXPECT_EQ(figures[0].transfers, 4);
  EXPECT_DOUBLE_EQ(figures[0].medianRatio, 1.010);
  EXPECT_DOUBLE_EQ(figures[0].worstRatio, 3.0);
  EXPECT_EQ(metaOf(figures).at("linkMedianRatio.data"), "1.100");
}

// No bound on the ratio: this machine may be busy. What was asked is exact.
TEST(LinkCheck, everyTransferThatARankWaitedForIsRecordedWithTheTimeAskedFor) {
  test::Sizes sizes;
  sizes.tensor = 2;
  const auto job = jobFromModel(test::tinyModel(sizes));
  ASSERT_TRUE(job) << job.error().text();
  RunOptions options = test::quickOptions(2);
  options.clock = comm::ClockKind::kWall;
  options.links.tensor = {2'000'000, 0};
  int64_t seen = 0, collectives = 0;
  const auto summary = test::train(
      *job, options,
      [&](const StepReport&, const recording::StepRecords& records) -> Result<Continue> {
        for (const recording::OperatorRow& row : records.operators) {
          if (row.kind != trace::EventKind::kComm) continue;
          ++collectives;
          if (row.askedNs < 0) continue;
          ++seen;
          EXPECT_EQ(row.askedNs, 2'000'000);
          EXPECT_GE(row.transferNs, row.askedNs);
        }
        return Continue::kYes;
      });
  ASSERT_TRUE(summary) << summary.error().text();
  EXPECT_GT(seen, 0);
  EXPECT_LE(seen, collectives);
}

TEST(LinkCheck, theVirtualClockHasNothingToCheck) {
  test::Sizes sizes;
  sizes.tensor = 2;
  const auto job = jobFromModel(test::tinyModel(sizes));
  ASSERT_TRUE(job);
  LinkCheck check;
  ASSERT_TRUE(test::train(
      *job, test::quickOptions(1),
      [&](const StepReport&, const recording::StepRecords& records) -> Result<Continue> {
        check.add(records);
        return Continue::kYes;
      }));
  EXPECT_TRUE(check.figures().empty());
}

}  // namespace
}  // namespace caracal::executor
