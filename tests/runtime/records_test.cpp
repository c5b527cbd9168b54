// A recorded step says what docs/trace-conventions.md says it does.
#include "runtime/executor/records.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/runtime/tiny_model.h"

namespace caracal::executor {
namespace {

using recording::OperatorRow;
using recording::RangeRow;

recording::StepRecords recordedStep(const Job& job) {
  recording::StepRecords last;
  const auto summary = test::train(job, test::quickOptions(2),
                                   [&](const auto&, const auto& records) -> Result<Continue> {
                                     last = records;
                                     return Continue::kYes;
                                   });
  EXPECT_TRUE(summary) << summary.error().text();
  return last;
}

Job splitJob() {
  test::Sizes sizes;
  sizes.tensor = 2;
  sizes.pipeline = 2;
  auto job = jobFromPlan(test::planDocument(test::tinyModel(sizes), [](int32_t stage, int32_t) {
    return test::LayerText{stage == 0 ? "ln1=window:fwd.attn ln2=window:pipe act=onDemand"
                                      : "act=onDemand"};
  }));
  EXPECT_TRUE(job) << job.error().text();
  return std::move(*job);
}

std::vector<RangeRow> rangesOf(const recording::StepRecords& records, int32_t rank,
                               const std::string& prefix) {
  std::vector<RangeRow> found;
  for (const RangeRow& row : records.ranges) {
    if (row.rank == rank && row.text.starts_with(prefix)) found.push_back(row);
  }
  return found;
}

TEST(Records, haveOneRowPerExecutedOperator) {
  const Job job = splitJob();
  const recording::StepRecords records = recordedStep(job);
  for (int32_t rank = 0; rank < 4; ++rank) {
    const plan::StageProgram& program = job.program.stages[static_cast<size_t>(rank / 2)];
    const auto rows = std::count_if(records.operators.begin(), records.operators.end(),
                                    [&](const OperatorRow& row) { return row.rank == rank; });
    const auto waits = std::count_if(
        program.items.begin(), program.items.end(),
        [](const plan::Item& item) { return item.action == plan::Action::kCollectiveWait; });
    EXPECT_EQ(rows, static_cast<int64_t>(program.items.size()) - waits);
  }
}

TEST(Records, computeOfARankNeverOverlapsItself) {
  const recording::StepRecords records = recordedStep(splitJob());
  std::map<int32_t, std::vector<Span>> compute;
  for (const OperatorRow& row : records.operators) {
    if (row.lane == "compute") compute[row.rank].push_back({row.beginNs, row.endNs});
  }
  ASSERT_EQ(compute.size(), 4U);
  for (auto& [rank, spans] : compute) {
    std::sort(spans.begin(), spans.end(), [](Span a, Span b) { return a.beginNs < b.beginNs; });
    for (size_t i = 1; i < spans.size(); ++i)
      EXPECT_GE(spans[i].beginNs, spans[i - 1].endNs) << "rank " << rank;
  }
}

TEST(Records, bothSidesOfATransferShowTheSameSpan) {
  const recording::StepRecords records = recordedStep(splitJob());
  const auto spansOf = [&](int32_t rank, const std::string& name) {
    std::vector<std::pair<int64_t, int64_t>> spans;
    for (const OperatorRow& row : records.operators) {
      if (row.rank == rank && row.name == name) spans.emplace_back(row.beginNs, row.endNs);
    }
    return spans;
  };
  EXPECT_EQ(spansOf(0, "send.fwd").size(), 4U);
  EXPECT_EQ(spansOf(0, "send.fwd"), spansOf(2, "recv.fwd"));
  EXPECT_EQ(spansOf(3, "send.bwd"), spansOf(1, "recv.bwd"));
}

TEST(Records, membersOfACollectiveEndTogetherAfterTheTransfer) {
  const recording::StepRecords records = recordedStep(splitJob());
  const auto rowsOf = [&](int32_t rank) {
    std::vector<OperatorRow> rows;
    for (const OperatorRow& row : records.operators) {
      if (row.rank == rank && row.lane == "tp-comm") rows.push_back(row);
    }
    return rows;
  };
  const auto first = rowsOf(0);
  const auto second = rowsOf(1);
  ASSERT_EQ(first.size(), second.size());
  ASSERT_EQ(first.size(), 2U * 4U * 4U);  // layers, micro-batches, collectives of each
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].name, second[i].name);
    EXPECT_EQ(first[i].endNs, second[i].endNs);
    EXPECT_EQ(first[i].endNs - std::max(first[i].beginNs, second[i].beginNs), first[i].transferNs);
    EXPECT_EQ(first[i].bytes, 2 * 8 * 16 * 4);
  }
}

TEST(Records, namePassesLayersAndRecomputationsAsRanges) {
  const recording::StepRecords records = recordedStep(splitJob());
  EXPECT_EQ(rangesOf(records, 0, "step:1").size(), 1U);
  EXPECT_EQ(rangesOf(records, 0, "F:").size(), 4U);
  EXPECT_EQ(rangesOf(records, 0, "B:3:0").size(), 1U);
  EXPECT_EQ(rangesOf(records, 3, "B:3:1").size(), 1U);
  EXPECT_EQ(rangesOf(records, 0, "layer:1").size(),
            8U);  // forward and backward of four micro-batches
  EXPECT_EQ(rangesOf(records, 0, "recompute:act:onDemand").size(), 8U);
  EXPECT_EQ(rangesOf(records, 0, "recompute:ln2:window:pipe").size(), 8U);
  // The last of two micro-batches in flight has no next forward and uses the wait for its gradient.
  EXPECT_EQ(rangesOf(records, 0, "recompute:ln1:window:fwd.attn").size(), 6U);
  EXPECT_EQ(rangesOf(records, 0, "recompute:ln1:window:pipe").size(), 2U);
  EXPECT_EQ(rangesOf(records, 0, "comm:fwd.attn").size(), 8U);
}

TEST(Records, aBackwardPassBeginsAfterTheGradientArrived) {
  const recording::StepRecords records = recordedStep(splitJob());
  for (int32_t microBatch = 0; microBatch < 4; ++microBatch) {
    const auto pass = rangesOf(records, 0, fmt::format("B:{}:", microBatch));
    ASSERT_EQ(pass.size(), 1U);
    const auto arrival = std::find_if(
        records.operators.begin(), records.operators.end(), [&](const OperatorRow& row) {
          return row.rank == 0 && row.name == "recv.bwd" && row.microBatch == microBatch;
        });
    ASSERT_NE(arrival, records.operators.end());
    EXPECT_GE(pass[0].beginNs, arrival->endNs);
  }
}

TEST(Records, windowsOfRecomputationsAreNumberedFromOne) {
  const recording::StepRecords records = recordedStep(splitJob());
  std::set<std::pair<std::string, int32_t>> seen;
  for (const OperatorRow& row : records.operators) {
    if (row.kind == trace::EventKind::kRecompute) seen.emplace(row.name, row.window);
    if (row.kind == trace::EventKind::kCompute) {
      EXPECT_EQ(row.window, 0);
    }
  }
  const auto window = [](plan::WindowId id) { return static_cast<int32_t>(id) + 1; };
  EXPECT_TRUE(seen.contains({"act", 0}));
  EXPECT_TRUE(seen.contains({"ln1", window(plan::WindowId::kFwdAttn)}));
  EXPECT_TRUE(seen.contains({"ln2", window(plan::WindowId::kPipe)}));
}

TEST(Records, memoryOfARankEndsWhereItBegan) {
  const recording::StepRecords records = recordedStep(splitJob());
  std::map<int32_t, std::vector<int64_t>> bytes;
  for (const recording::MemoryRow& row : records.memory) bytes[row.rank].push_back(row.bytes);
  ASSERT_EQ(bytes.size(), 4U);
  for (const auto& [rank, samples] : bytes) {
    EXPECT_EQ(samples.front(), samples.back()) << "rank " << rank;
    EXPECT_GT(*std::max_element(samples.begin(), samples.end()), samples.front());
  }
}

}  // namespace
}  // namespace caracal::executor
