// Op-level pipeline traces written here line by line.
#include <gtest/gtest.h>

#include "core/import/importer.h"
#include "tests/core/import/test_files.h"

namespace caracal::import {
namespace {

using trace::EventIndex;
using trace::EventKind;
using trace::Trace;

EventIndex find(const Trace& trace, std::string_view name, int32_t rank) {
  for (EventIndex e = 0; e < trace.eventCount(); ++e) {
    const trace::Track& track = trace.tracks()[trace.trackOf(e)];
    if (trace.name(e) == name && trace.ranks()[track.rank].rank == rank) return e;
  }
  ADD_FAILURE() << "rank " << rank << " has no " << name;
  return 0;
}

constexpr const char* kMegatronApp = R"([
  {"name":"iteration begin","ph":"i","ts":0,"pid":1,"tid":0,"args":{"iteration":3}},
  {"name":"iteration begin","ph":"i","ts":2,"pid":0,"tid":0,"args":{"iteration":3}},
  {"name":"forward","ph":"B","ts":10,"pid":0,"tid":0,"args":{"iteration":3}},
  {"name":"forward","ph":"E","ts":30,"pid":0,"tid":0,"args":{"iteration":3,"microbatch":5,"model_chunk":1,"pp_rank":0}},
  {"name":"backward","ph":"B","ts":40,"pid":1,"tid":0,"args":{"iteration":3}},
  {"name":"backward","ph":"E","ts":70,"pid":1,"tid":0,"args":{"iteration":3,"microbatch":5,"model_chunk":1,"pp_rank":1}},
  {"name":"reduce","ph":"i","ts":75,"pid":1,"tid":0,"args":{"iteration":3}},
  {"name":"iteration end","ph":"i","ts":80,"pid":1,"tid":0,"args":{"iteration":3}}
])";

TEST(PipelineImport, beginAndEndPairsBecomePassesWithTheArgumentsOfTheEnd) {
  const TemporaryFolder folder;
  const auto loaded = loadTraces({folder.write("trace.json", kMegatronApp)});
  ASSERT_TRUE(loaded) << loaded.error().text();
  const Trace& trace = *loaded->trace;
  ASSERT_EQ(trace.ranks().size(), 2u);
  EXPECT_EQ(trace.ranks()[1].stage, 1);
  const EventIndex forward = find(trace, "F", 0);
  EXPECT_EQ(trace.kind(forward), EventKind::kPass);
  EXPECT_EQ(trace.span(forward), (Span{10000, 30000}));
  const trace::EventArgs expected{
      .step = 3, .microBatch = 5, .stage = 0, .chunk = 1, .pass = trace::Pass::kForward};
  EXPECT_EQ(*trace.args(forward), expected);
  EXPECT_EQ(trace.args(find(trace, "B", 1))->pass, trace::Pass::kBackward);
  EXPECT_EQ(trace.span(find(trace, "step:3", 1)), (Span{0, 80000}));
  EXPECT_EQ(trace.span(find(trace, "step:3", 0)),
            (Span{2000, 75000}));  // no end mark: to the last event
  EXPECT_EQ(trace.kind(find(trace, "reduce", 1)), EventKind::kInstant);
}

std::string byteDance(const char* events) {
  std::string text = "[";
  text += events;
  for (int stage = 0; stage < 2; ++stage) {
    for (int lane = 0; lane < 3; ++lane) {
      static const char* kLanes[] = {"compute", "pp-comm", "dp-comm"};
      for (int replica = 0; replica < 2; ++replica) {
        text += R"(,{"name":"thread_name","pid":)" + std::to_string(replica) + R"(,"tid":)" +
                std::to_string(stage * 10 + lane) + R"(,"ph":"M","args":{"name":"PP rank )" +
                std::to_string(stage) + R"(, TP rank 0, )" + kLanes[lane] + "\"}}";
      }
    }
  }
  for (int replica = 0; replica < 2; ++replica) {
    text += R"(,{"name":"process_name","pid":)" + std::to_string(replica) +
            R"(,"ph":"M","args":{"name":"DP rank [)" + std::to_string(replica) + "]\"}}";
  }
  return text + "]";
}

constexpr const char* kByteDance = R"(
  {"name":"forward-compute","cat":"forward-compute","pid":1,"tid":10,"ts":5.0004,"dur":2,"ph":"X","args":{"step":7,"model_chunk":0,"mb_id":1,"seq_id":1}},
  {"name":"forward-recv","cat":"forward-recv","pid":1,"tid":11,"ts":3,"dur":1,"ph":"X","args":{"step":7,"model_chunk":-1,"mb_id":-1,"seq_id":0}},
  {"name":"grads-reduce-scatter","cat":"x","pid":0,"tid":2,"ts":20,"dur":4,"ph":"X","args":{"step":7,"model_chunk":0,"mb_id":-1,"seq_id":0}},
  {"name":"optimizer","cat":"optimizer","pid":0,"tid":0,"ts":30,"dur":4,"ph":"X","args":{"step":7,"model_chunk":-1,"mb_id":-1,"seq_id":0}},
  {"name":"forward-compute","cat":"forward-compute","pid":0,"tid":0,"ts":40,"dur":2,"ph":"X","args":{"step":8,"model_chunk":0,"mb_id":0,"seq_id":0}})";

TEST(PipelineImport, rowNamesAtTheEndPlaceEveryRowInTheGrid) {
  const TemporaryFolder folder;
  folder.write("meta-X.yaml", "dp_size: 2\npp_size: 2\ntp_size: 4\n");
  folder.write("timeline-X.json", byteDance(kByteDance));
  const auto loaded = loadTraces({folder.path()});
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_TRUE(loaded->skipped.empty()) << "the description is read with its trace";
  const Trace& trace = *loaded->trace;
  ASSERT_EQ(trace.ranks().size(), 4u);
  std::vector<int32_t> numbers;
  for (const trace::Rank& rank : trace.ranks()) numbers.push_back(rank.rank);
  EXPECT_EQ(numbers,
            (std::vector<int32_t>{0, 4, 8, 12}));  // tensor size 4, of which only the first is here
  EXPECT_EQ(trace.metaOr("tp", ""), "4");

  const EventIndex pass = find(trace, "F", 12);
  EXPECT_EQ(trace.beginNs(pass), 5000);
  EXPECT_EQ(trace.args(pass)->microBatch, 1);
  EXPECT_EQ(trace.args(pass)->stage, 1);
  EXPECT_EQ(trace.tracks()[trace.trackOf(pass)].kind, trace::TrackKind::kPassLane);

  const EventIndex receive = find(trace, "recv.fwd", 12);
  EXPECT_EQ(trace.args(receive)->peer, 4);
  EXPECT_EQ(trace.args(receive)->collective, trace::CollectiveKind::kRecv);
  EXPECT_EQ(trace.tracks()[trace.trackOf(receive)].label, "pp-comm");

  const trace::EventArgs reduce = *trace.args(find(trace, "grads-reduce-scatter", 0));
  EXPECT_EQ(trace.processGroups()[reduce.group].ranks, (std::vector<int32_t>{0, 4}));
  EXPECT_EQ(trace.args(find(trace, "optimizer", 0))->pass, trace::Pass::kOptimizer);
}

TEST(PipelineImport, aStepLastsToTheNextOneWhereThatWasRecorded) {
  const TemporaryFolder folder;
  const auto loaded = loadTraces({folder.write("t.json", byteDance(kByteDance))});
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ(loaded->trace->span(find(*loaded->trace, "step:7", 0)), (Span{3000, 40000}));
  EXPECT_EQ(loaded->trace->span(find(*loaded->trace, "step:8", 0)), (Span{40000, 42000}));
}

}  // namespace
}  // namespace caracal::import
