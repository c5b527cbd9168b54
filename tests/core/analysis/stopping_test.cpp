// Analysis that is asked to stop gives nothing, from whatever it was working on.
#include <gtest/gtest.h>

#include <thread>

#include "core/analysis/gpu_passes.h"
#include "core/analysis/prepared_run.h"
#include "core/analysis/step_model.h"
#include "core/analysis/tables.h"
#include "tests/core/analysis/pass_fixture.h"
#include "tests/core/analysis/schedule_fixture.h"

namespace caracal::analysis {
namespace {

using namespace fixture;
using trace::TraceBuilder;
using TracePtr = std::shared_ptr<const trace::Trace>;

TracePtr trainingRun() {
  TraceBuilder builder;
  for (int32_t r = 0; r < 2; ++r) {
    GpuRank gpu(builder, r);
    for (int step = 0; step < 2; ++step) {
      const int64_t t = 1000 * step;
      gpu.onThread(1);
      gpu.annotation(fmt::format("ProfilerStep#{}", step), t, t + 1000);
      forward(gpu, "forward", t, 10);
      gpu.launched(t + 20, 1, 20, kAllReduceKernel, t + 30, t + 60);
      backward(gpu, "backward", t + 100, 10);
    }
  }
  return std::move(builder).finish();
}

std::stop_token stopped() {
  std::stop_source source;
  source.request_stop();
  return source.get_token();
}

TEST(Stopping, noTableIsMade) {
  const CommNames comm;
  const PreparedRun run = prepareRun(trainingRun(), comm);
  for (const TableKind& kind : tableKinds()) {
    const auto table = makeTable(kind.name, {.run = run, .comm = comm, .stop = stopped()});
    ASSERT_FALSE(table) << kind.name;
    EXPECT_EQ(table.error().code, ErrorCode::kCancelled) << kind.name;
  }
}

TEST(Stopping, noStepsAreFound) {
  for (const TracePtr& trace : {playPipeline({}), prepareRun(trainingRun(), {}).trace}) {
    ASSERT_TRUE(buildStepModel(*trace));
    const auto model = buildStepModel(*trace, stopped());
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().code, ErrorCode::kCancelled);
  }
}

TEST(Stopping, noPassesAreMarked) {
  const TracePtr trace = trainingRun();
  ASSERT_NE(markPasses(trace, {}), trace);
  EXPECT_EQ(markPasses(trace, {}, stopped()), trace);
}

// A request in the middle: the answer is either whole or kCancelled, never half.
TEST(Stopping, aRequestAtAnyMomentLeavesAWholeAnswerOrNone) {
  const CommNames comm;
  const PreparedRun run = prepareRun(trainingRun(), comm);
  const auto whole = makeTable("idle-causes", {.run = run, .comm = comm});
  ASSERT_TRUE(whole);
  for (int i = 0; i < 50; ++i) {
    std::stop_source source;
    std::thread stopper([&] { source.request_stop(); });
    const auto table =
        makeTable("idle-causes", {.run = run, .comm = comm, .stop = source.get_token()});
    stopper.join();
    if (table)
      EXPECT_EQ(table->rows, whole->rows);
    else
      EXPECT_EQ(table.error().code, ErrorCode::kCancelled);
  }
}

}  // namespace
}  // namespace caracal::analysis
