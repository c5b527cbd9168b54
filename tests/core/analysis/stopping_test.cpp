// Analysis that is asked to stop gives nothing, from whatever it was working on.
#include <gtest/gtest.h>

#include <thread>

#include "core/analysis/event_graph.h"
#include "core/analysis/gpu_passes.h"
#include "core/analysis/prepared_run.h"
#include "core/analysis/step_model.h"
#include "core/analysis/tables.h"
#include "tests/core/analysis/pass_fixture.h"
#include "tests/core/analysis/schedule_fixture.h"
#include "tests/support/stop_looks.h"

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

// Several blocks of steps between two looks.
constexpr size_t kLong = 3 * trace::kBetweenPolls + 5;
// A request is answered by the loop that finds it; what follows may look once more for each track.
constexpr size_t kMostLooksAfter = 64;

// Asks for a stop at the first, at every tenth and at the last look.
template <class Work>  // (const std::stop_token&) -> whether it was done to the end
void expectAnsweredAtOnce(Work work, std::string_view what) {
  test::StopLooks all;
  ASSERT_TRUE(work(all.token())) << what;
  for (size_t tenth = 0; tenth <= 10 && all.count() > 0; ++tenth) {
    test::StopLooks looks(tenth * (all.count() - 1) / 10);
    EXPECT_FALSE(work(looks.token())) << what << ", look " << tenth << "/10 of " << all.count();
    EXPECT_LE(looks.afterRequest(), kMostLooksAfter)
        << what << ", look " << tenth << "/10 of " << all.count();
  }
}

TEST(Stopping, aLongEventGraphIsLeftAtTheNextLook) {
  std::vector<GraphNode> nodes;
  std::vector<GraphEdge> edges;
  for (size_t i = 0; i < kLong; ++i) {
    const auto startNs = static_cast<int64_t>(10 * (kLong - i));  // to be sorted
    nodes.push_back({0, 0, WorkKind::kGemm, startNs, 9, 0});
    if (i > 0) edges.push_back({static_cast<NodeIndex>(i), static_cast<NodeIndex>(i - 1)});
  }
  const EventGraph graph = finishGraph(nodes, edges);
  ASSERT_EQ(criticalPath(graph).steps.size(), kLong);
  test::StopLooks looks;
  finishGraph(nodes, edges, looks.token());
  EXPECT_GE(looks.count(), 6 * kLong / trace::kBetweenPolls) << "some loops do not look";
  const auto done = [](const std::stop_token& stop) { return !stop.stop_requested(); };
  expectAnsweredAtOnce(
      [&](const std::stop_token& stop) { return finishGraph(nodes, edges, stop), done(stop); },
      "finishGraph");
  expectAnsweredAtOnce(
      [&](const std::stop_token& stop) { return criticalPath(graph, stop), done(stop); },
      "criticalPath");
  expectAnsweredAtOnce(
      [&](const std::stop_token& stop) { return replayNs(graph, unscaled(), stop), done(stop); },
      "replayNs");
}

// Two ranks, each with many kernels, of which some communicate.
TracePtr longRun() {
  TraceBuilder builder;
  for (int32_t r = 0; r < 2; ++r) {
    GpuRank gpu(builder, r);
    gpu.onThread(1);
    const auto steps = static_cast<int64_t>(kLong) / 100;
    for (int64_t step = 0; step < steps; ++step) {
      const int64_t t = 2000 * step;
      gpu.annotation(fmt::format("ProfilerStep#{}", step), t, t + 2000);
      gpu.annotation("forward", t, t + 1000);
      for (int64_t i = 0; i < 50; ++i)
        gpu.launched(t + 10 * i, 1, 7, "gemm", t + 10 * i + 5, t + 10 * i + 9);
      gpu.annotation("backward", t + 1000, t + 1900);
      for (int64_t i = 0; i < 50; ++i)
        gpu.launched(t + 1000 + 10 * i, 1, 7, "gemm", t + 1005 + 10 * i, t + 1009 + 10 * i);
      gpu.launched(t + 1600, 1, 20, kAllReduceKernel, t + 1610, t + 1700 + 10 * r);
    }
  }
  return std::move(builder).finish();
}

TEST(Stopping, longRunsAreLeftAtTheNextLook) {
  const CommNames comm;
  const TracePtr trace = longRun();
  expectAnsweredAtOnce(
      [&](const std::stop_token& stop) {
        prepareRun(trace, comm, stop);
        return !stop.stop_requested();
      },
      "prepareRun");
  const PreparedRun run = prepareRun(trace, comm);
  ASSERT_NE(run.trace, trace) << "passes are marked";
  expectAnsweredAtOnce(
      [&](const std::stop_token& stop) { return buildStepModel(*run.trace, stop).has_value(); },
      "buildStepModel");
  for (const TableKind& kind : tableKinds()) {
    const auto make = [&](const std::stop_token& stop) {
      return makeTable(kind.name, {.run = run, .comm = comm, .stop = stop});
    };
    if (make({})) {
      expectAnsweredAtOnce([&](const std::stop_token& stop) { return make(stop).has_value(); },
                           kind.name);
    }
  }
}

}  // namespace
}  // namespace caracal::analysis
