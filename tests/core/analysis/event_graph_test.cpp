// The event graph: replay, critical path, slack, on graphs with known answers.
#include "core/analysis/event_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "core/analysis/critical_tables.h"
#include "core/analysis/run_graph.h"
#include "tests/core/analysis/gpu_fixture.h"
#include "tests/core/analysis/schedule_fixture.h"

namespace caracal::analysis {
namespace {

using fixture::GpuRank;
using fixture::kAllReduceKernel;
using trace::TraceBuilder;

GraphNode node(WorkKind kind, int64_t startNs, int64_t durationNs) {
  return {trace::kNoIndex, 0, kind, startNs, durationNs, 0};
}

KindScales faster(WorkKind kind, double times) {
  KindScales scales = unscaled();
  scales[static_cast<size_t>(kind)] = 1 / times;
  return scales;
}

// a 0-10, then b 10-40 beside c 10-30, then d 45-50 after both (5 ns that nothing explains).
EventGraph diamond() {
  return finishGraph({node(WorkKind::kGemm, 0, 10), node(WorkKind::kAllReduce, 10, 30),
                      node(WorkKind::kAttention, 10, 20), node(WorkKind::kGemm, 45, 5)},
                     {{0, 1}, {0, 2}, {1, 3}, {2, 3}});
}

TEST(EventGraph, slackIsWhatANodeMayTakeLonger) {
  const EventGraph graph = diamond();
  const CriticalPath path = criticalPath(graph);
  EXPECT_EQ(path.lengthNs, 50);
  EXPECT_THAT(path.slackNs, testing::ElementsAre(0, 0, 10, 0));
  ASSERT_EQ(path.steps.size(), 3u);
  EXPECT_EQ(graph.nodes[path.steps[1].node].kind, WorkKind::kAllReduce);
  EXPECT_EQ(path.steps[2].gapNs, 5);
}

TEST(EventGraph, aSpeedUpHelpsUntilAnotherPathIsLonger) {
  const EventGraph graph = diamond();
  EXPECT_EQ(replayNs(graph, unscaled()), 50);
  EXPECT_EQ(replayNs(graph, faster(WorkKind::kAllReduce, 1.25)), 44);  // 30 -> 24
  EXPECT_EQ(replayNs(graph, faster(WorkKind::kAllReduce, 10)), 40);    // the other side takes 20
  EXPECT_EQ(replayNs(graph, faster(WorkKind::kAttention, 10)), 50);
  EXPECT_EQ(replayNs(graph, faster(WorkKind::kGemm, 0.5)), 65);  // slower: 10 and 5 more
}

TEST(EventGraph, dependenciesAgainstTimeAreDroppedAndCounted) {
  const EventGraph graph =
      finishGraph({node(WorkKind::kGemm, 0, 10), node(WorkKind::kGemm, 20, 10)}, {{1, 0}, {0, 1}});
  EXPECT_EQ(graph.droppedEdges, 1);
  EXPECT_EQ(graph.edges.size(), 1u);
  EXPECT_EQ(graph.nodes[1].gapNs, 10);
}

// Random graphs: unscaled replay is exact, the path adds up, and slack is what it says.
TEST(EventGraph, pathAndSlackHoldOnRandomGraphs) {
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const auto below = [&](int64_t n) {
      return std::uniform_int_distribution<int64_t>(0, n - 1)(random);
    };
    std::vector<GraphNode> nodes;
    std::vector<GraphEdge> edges;
    for (NodeIndex n = 0; n < 30; ++n) {
      nodes.push_back(node(static_cast<WorkKind>(below(3)), below(500), below(60)));
      for (int i = 0; i < 2; ++i) {
        const auto from = static_cast<NodeIndex>(below(30));
        if (from != n)
          edges.push_back({from, n, below(4) == 0 ? EdgeFrom::kStart : EdgeFrom::kEnd, below(5)});
      }
    }
    const EventGraph graph = finishGraph(nodes, edges);
    const int64_t lengthNs = graph.span().lengthNs();
    EXPECT_EQ(replayNs(graph, unscaled()), lengthNs);
    const CriticalPath path = criticalPath(graph);
    int64_t sumNs = 0;
    for (const PathStep& step : path.steps) sumNs += step.gapNs + step.workNs;
    EXPECT_EQ(sumNs, lengthNs);
    for (NodeIndex n = 0; n < graph.nodes.size(); ++n) {
      EventGraph slower = graph;
      slower.nodes[n].durationNs += path.slackNs[n];
      EXPECT_EQ(replayNs(slower, unscaled()), lengthNs) << n;
      slower.nodes[n].durationNs += 1;
      EXPECT_EQ(replayNs(slower, unscaled()), lengthNs + 1) << n;
    }
  }
}

PreparedRun prepared(TraceBuilder builder) {
  return prepareRun(std::move(builder).finish(), CommNames{});
}

// Rank 1 computes 400, rank 0 100; both then reduce for 50. Rank 0's compute has slack 300.
TEST(RunGraph, aCollectiveWaitsForItsLastRank) {
  TraceBuilder builder;
  for (int32_t r = 0; r < 2; ++r) {
    GpuRank gpu(builder, r);
    const int64_t end = r == 0 ? 100 : 400;
    gpu.work(7, "gemm", 0, end);
    gpu.work(7, kAllReduceKernel, end, 450);
    gpu.work(7, "gemm", 450, 500);
  }
  const auto graph = buildRunGraph(prepared(std::move(builder)), CommNames{});
  ASSERT_TRUE(graph) << graph.error().text();
  EXPECT_EQ(graph->graph.span().lengthNs(), 500);
  EXPECT_EQ(replayNs(graph->graph, faster(WorkKind::kGemm, 2)), 200 + 50 + 25);
  EXPECT_EQ(replayNs(graph->graph, faster(WorkKind::kAllReduce, 2)), 475);
  const CriticalPath path = criticalPath(graph->graph);
  for (NodeIndex n = 0; n < graph->graph.nodes.size(); ++n) {
    const GraphNode& at = graph->graph.nodes[n];
    if (at.kind == WorkKind::kGemm && at.startNs == 0) {
      EXPECT_EQ(path.slackNs[n], at.rankIndex == 0 ? 300 : 0);
    }
  }
}

// Launches every 100, kernels of 20: the host is the path. A synchronization ends it.
TEST(RunGraph, aLateHostIsOnThePathAndCallsThatWaitAreNotWork) {
  TraceBuilder builder;
  GpuRank gpu(builder, 0);
  for (int64_t i = 0; i < 5; ++i) gpu.launched(i * 100, 10, 7, "gemm", i * 100 + 30, i * 100 + 50);
  gpu.host(trace::EventKind::kRuntime, "cudaDeviceSynchronize", 415, 452);
  const auto graph = buildRunGraph(prepared(std::move(builder)), CommNames{});
  ASSERT_TRUE(graph);
  EXPECT_EQ(graph->graph.span().lengthNs(), 452);
  // Host time 0-400 halves; launch latency 30, kernel 20 and the call's last 2 (1 when halved)
  // stay.
  EXPECT_EQ(replayNs(graph->graph, faster(WorkKind::kHostLaunch, 2)), 200 + 30 + 20 + 1);
  EXPECT_EQ(replayNs(graph->graph, faster(WorkKind::kGemm, 2)), 452 - 10);
}

// A copy whose call returns after it: what the host does next waits for the GPU.
TEST(RunGraph, aBlockingCopyHoldsTheHost) {
  TraceBuilder builder;
  const uint32_t rank = builder.addRank({.rank = 0, .device = 0});
  const auto host = builder.addTrack({.kind = trace::TrackKind::kCpuThread, .rank = rank});
  const auto stream = builder.addTrack({.kind = trace::TrackKind::kGpuStream, .rank = rank});
  const auto add = [&](trace::TrackIndex track, trace::EventKind kind, const char* name,
                       int64_t begin, int64_t end, uint64_t correlation) {
    builder.add({track, kind, builder.intern(name), begin, end - begin, correlation});
  };
  using trace::EventKind;
  add(host, EventKind::kRuntime, "cudaLaunchKernel", 0, 10, 1);
  add(stream, EventKind::kKernel, "gemm", 20, 120, 1);
  add(host, EventKind::kRuntime, "cudaMemcpyAsync", 30, 145, 2);
  add(stream, EventKind::kMemcpy, "Memcpy DtoH", 120, 140, 2);
  add(host, EventKind::kRuntime, "cudaLaunchKernel", 150, 160, 3);
  add(stream, EventKind::kKernel, "gemm", 170, 180, 3);
  const auto graph = buildRunGraph(prepared(std::move(builder)), CommNames{});
  ASSERT_TRUE(graph);
  EXPECT_EQ(replayNs(graph->graph, unscaled()), 180);
  EXPECT_EQ(replayNs(graph->graph, faster(WorkKind::kGemm, 2)), 180 - 50 - 5);
}

// The main thread waits while autograd's launches: what made the run long is that thread's time.
TEST(RunGraph, followsWorkHandedToAutogradsThread) {
  TraceBuilder builder;
  GpuRank gpu(builder, 0);
  const auto forward = gpu.host(trace::EventKind::kCpuOp, "aten::mm", 0, 8);
  gpu.launched(0, 10, 7, "gemm", 10, 20);
  gpu.onThread(9);
  gpu.host(trace::EventKind::kCpuOp, "autograd::engine::evaluate_function: MmBackward0", 30, 70);
  const auto backward = gpu.host(trace::EventKind::kCpuOp, "MmBackward0", 30, 70);
  builder.addFlow(forward, backward, trace::FlowKind::kForwardBackward);
  gpu.launched(30, 40, 7, "gemm", 70, 75);
  gpu.onThread(1);
  gpu.launched(80, 10, 7, "adam", 90, 100);
  const auto graph = buildRunGraph(prepared(std::move(builder)), CommNames{});
  ASSERT_TRUE(graph);
  const CriticalPath path = criticalPath(graph->graph);
  int64_t workNs = 0;
  for (const PathStep& step : path.steps) workNs += step.workNs;
  // Both calls of launches and the last kernel; gaps are 10-30, 70-80, and 80-90 until it began.
  EXPECT_EQ(workNs, 10 + 40 + 10);
  EXPECT_EQ(replayNs(graph->graph, unscaled()), 100);
}

TEST(RunGraph, ofAPipelineFollowsPassesAndTransfers) {
  fixture::PipelineOptions options;
  options.stages = 3;
  options.microBatches = 6;
  options.sendNs = 4;
  for (const bool receives : {true, false}) {
    SCOPED_TRACE(receives);
    options.receives = receives;
    const auto trace = fixture::playPipeline(options);
    const auto graph = buildRunGraph(prepareRun(trace, CommNames{}), CommNames{});
    ASSERT_TRUE(graph);
    EXPECT_EQ(replayNs(graph->graph, unscaled()), trace->range().lengthNs());
    fixture::PipelineOptions quick = options;
    quick.forwardNs = [](int32_t, int32_t) { return 5; };
    quick.backwardNs = [](int32_t, int32_t) { return 10; };
    EXPECT_EQ(replayNs(graph->graph, faster(WorkKind::kPass, 2)),
              fixture::playPipeline(quick)->range().lengthNs());
  }
}

TEST(WhatIf, questionsAreReadAndRefusedInWords) {
  const auto question = parseWhatIf("send-recv=2x");
  ASSERT_TRUE(question);
  EXPECT_EQ(question->kind, WorkKind::kSendRecv);
  EXPECT_EQ(question->speedup, 2);
  EXPECT_EQ(parseWhatIf("gemm=1.5")->speedup, 1.5);
  for (const char* wrong : {"gemm", "gemm=", "gemm=0x", "gemm=-1x", "gemm=nanx", "foo=2x", "=2x"})
    EXPECT_FALSE(parseWhatIf(wrong)) << wrong;
}

}  // namespace
}  // namespace caracal::analysis
