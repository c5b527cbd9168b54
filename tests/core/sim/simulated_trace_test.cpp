// What a simulation shows as a Trace (docs/trace-conventions.md).
#include <gtest/gtest.h>

#include <map>

#include "core/base/intervals.h"
#include "core/sim/simulator.h"
#include "tests/support/layers.h"

namespace caracal::sim {
namespace {

using trace::EventKind;
using trace::TrackKind;

SimResult simulated(TraceDetail detail) {
  auto profile = test::makeProfile(test::tinyLayer(), 4, 2, 3);
  profile.sendForwardNs = 5;
  profile.sendBackwardNs = 6;
  profile.parallel.data = 2;
  profile.kinds[0].gradientReduceNs = 4;
  const auto plan = test::makePlanOf(
      profile,
      {test::placements(
          profile.kinds[0],
          "ln1=fwd.attn attn=prev.bwd.mlp tp_attn=onDemand residual1=onDemand fc1=onDemand "
          "act=onDemand")});
  const auto result = simulate(profile, plan, {detail});
  EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().text());
  return result.value_or(SimResult{});
}

const trace::Track* trackOf(const trace::Trace& trace, uint32_t rank, const std::string& label) {
  for (const trace::Track& track : trace.tracks()) {
    if (track.rank == rank && track.label == label) return &track;
  }
  return nullptr;
}

std::string drawTrack(const trace::Trace& trace, uint32_t rank, const std::string& label) {
  const trace::Track* track = trackOf(trace, rank, label);
  std::string row;
  for (uint32_t i = 0; track != nullptr && i < track->eventCount; ++i) {
    const trace::EventIndex event = track->firstEvent + i;
    row += (row.empty() ? "" : " ") + std::string(trace.name(event));
    if (trace.kind(event) == EventKind::kPass) row += std::to_string(trace.args(event)->microBatch);
  }
  return row;
}

TEST(SimulatedTrace, noDetailMakesNoTrace) {
  EXPECT_EQ(simulated(TraceDetail::kNone).trace, nullptr);
}

TEST(SimulatedTrace, passesAreOnTheirLanes) {
  const SimResult result = simulated(TraceDetail::kPasses);
  ASSERT_NE(result.trace, nullptr);
  EXPECT_EQ(result.trace->format(), "simulated");
  EXPECT_EQ(result.trace->tag(), trace::Tag::kSimulated);
  ASSERT_EQ(result.trace->ranks().size(), 2u);
  EXPECT_EQ(result.trace->ranks()[1].stage, 1);
  EXPECT_EQ(result.trace->ranks()[1].rank, 4)
      << "two tensor-parallel ranks of two replicas come before";
  EXPECT_EQ(drawTrack(*result.trace, 0, "passes"), "F0 F1 B0 F2 B1 B2");
  EXPECT_EQ(drawTrack(*result.trace, 1, "passes"), "F0 B0 F1 B1 F2 B2");
  EXPECT_EQ(drawTrack(*result.trace, 0, "steps"), "step:0");
  EXPECT_EQ(trackOf(*result.trace, 0, "compute"), nullptr);
  EXPECT_EQ(result.trace->range().endNs, result.stepNs);
  EXPECT_EQ(result.trace->metaOr("partition", ""), "2,2");
  EXPECT_EQ(result.trace->counters().size(), 2u);
}

TEST(SimulatedTrace, operatorsTransfersAndCollectivesAreShown) {
  const SimResult result = simulated(TraceDetail::kOperators);
  ASSERT_NE(result.trace, nullptr);
  EXPECT_EQ(drawTrack(*result.trace, 0, "pp-comm"),
            "send.fwd send.fwd recv.bwd send.fwd recv.bwd recv.bwd");
  EXPECT_EQ(drawTrack(*result.trace, 0, "dp-comm"), "dp.reduce");
  const std::string collectives = drawTrack(*result.trace, 0, "tp-comm");
  EXPECT_EQ(collectives.substr(0, 36), "fwd.attn fwd.mlp fwd.attn fwd.mlp fw");
  EXPECT_NE(collectives.find("recompute.tp_attn bwd.mlp bwd.attn"), std::string::npos)
      << collectives;
}

TEST(SimulatedTrace, reductionsBesideBackwardAreShownLayerByLayer) {
  auto profile = test::makeProfile(test::tinyLayer(), 2, 1, 2);
  profile.parallel.data = 2;
  profile.parallel.overlapGradientReduce = true;
  profile.kinds[0].gradientReduceNs = 60;
  const auto plan = test::makePlanOf(profile, {test::keepAll(profile.kinds[0])});
  const auto result = simulate(profile, plan, {TraceDetail::kOperators});
  ASSERT_TRUE(result.has_value());
  const trace::Trace& trace = *result->trace;
  const trace::Track* track = trackOf(trace, 0, "dp-comm");
  ASSERT_NE(track, nullptr);
  std::string layers;
  int64_t lastEndNs = 0;
  for (uint32_t i = 0; i < track->eventCount; ++i) {
    const trace::EventIndex event = track->firstEvent + i;
    EXPECT_EQ(trace.name(event), "dp.reduce");
    EXPECT_GE(trace.beginNs(event), lastEndNs) << "one after the other";
    lastEndNs = trace.endNs(event);
    if (trace.durationNs(event) > 0) layers += std::to_string(trace.args(event)->layer) + " ";
  }
  EXPECT_EQ(layers, "1 0 ");
  EXPECT_EQ(lastEndNs, result->stepNs) << "no optimizer time here";
}

TEST(SimulatedTrace, copiesToAndFromTheHostHaveLanesOfTheirOwn) {
  auto profile = test::makeProfile(test::tinyLayer(), 2, 1, 1);
  profile.hostLink = {2, 1e9};
  auto placements = test::keepAll(profile.kinds[0]);
  placements[4] = {test::PlacementKind::kOffload};
  const auto plan = test::makePlanOf(profile, {placements});
  const auto result = simulate(profile, plan, {TraceDetail::kOperators});
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(drawTrack(*result->trace, 0, "copy-out"), "offload.fc1 offload.fc1");
  EXPECT_EQ(drawTrack(*result->trace, 0, "copy-in"), "fetch.fc1 fetch.fc1");
  const trace::Track* track = trackOf(*result->trace, 0, "copy-in");
  EXPECT_EQ(result->trace->kind(track->firstEvent), EventKind::kMemcpy);
  EXPECT_EQ(result->trace->durationNs(track->firstEvent), 18);
  EXPECT_EQ(result->trace->args(track->firstEvent)->bytes, 16);
}

TEST(SimulatedTrace, bothSidesOfATransferShowTheSameSpan) {
  const SimResult result = simulated(TraceDetail::kOperators);
  const trace::Trace& trace = *result.trace;
  std::map<std::pair<std::string, int32_t>, Span> spans;
  for (trace::EventIndex e = 0; e < trace.eventCount(); ++e) {
    const std::string name(trace.name(e));
    if (name.starts_with("send.") || name.starts_with("recv."))
      spans[{name, trace.args(e)->microBatch}] = trace.span(e);
  }
  for (int32_t m = 0; m < 3; ++m) {
    EXPECT_EQ((spans[{"send.fwd", m}]), (spans[{"recv.fwd", m}]));
    EXPECT_EQ((spans[{"send.bwd", m}]), (spans[{"recv.bwd", m}]));
    EXPECT_EQ((spans[{"send.fwd", m}]).lengthNs(), 5);
  }
}

// Hidden and exposed recomputation follow from the trace alone: what lies in a collective's span is
// hidden.
TEST(SimulatedTrace, computeEventsDoNotOverlapAndFillTheFigures) {
  const SimResult result = simulated(TraceDetail::kOperators);
  const trace::Trace& trace = *result.trace;
  for (uint32_t rank = 0; rank < 2; ++rank) {
    const trace::Track* compute = trackOf(trace, rank, "compute");
    ASSERT_NE(compute, nullptr);
    int64_t busy = 0, recompute = 0, end = 0;
    for (uint32_t i = 0; i < compute->eventCount; ++i) {
      const trace::EventIndex event = compute->firstEvent + i;
      EXPECT_GE(trace.beginNs(event), end);
      end = trace.endNs(event);
      busy += trace.durationNs(event);
      if (trace.kind(event) == EventKind::kRecompute) recompute += trace.durationNs(event);
    }
    EXPECT_EQ(busy, result.stages[rank].busyNs);
    const int64_t repeatedCollectives =
        3 * 2 * 10;  // tp_attn of two layers and three micro-batches
    EXPECT_EQ(recompute + repeatedCollectives,
              result.stages[rank].hiddenRecomputeNs + result.stages[rank].exposedRecomputeNs);
  }
}

TEST(SimulatedTrace, recomputationsNameTheirWindow) {
  const SimResult result = simulated(TraceDetail::kOperators);
  const trace::Trace& trace = *result.trace;
  std::map<std::string, int> counts;
  for (trace::EventIndex e = 0; e < trace.eventCount(); ++e) {
    if (trace.kind(e) != EventKind::kRecompute || trace.args(e)->stage != 0) continue;
    const int window = trace.args(e)->window;
    const std::string place =
        window == 0 ? "onDemand" : std::string(plan::name(static_cast<plan::WindowId>(window - 1)));
    ++counts[std::string(trace.name(e)) + " " + place];
  }
  EXPECT_EQ(counts["ln1 fwd.attn"],
            2 * 2);  // two layers; the last of three micro-batches has no next forward
  EXPECT_EQ(counts["ln1 pipe"], 2 * 1);
}

}  // namespace
}  // namespace caracal::sim
