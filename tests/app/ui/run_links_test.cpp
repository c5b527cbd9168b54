#include "app/ui/timeline/run_links.h"

#include <gtest/gtest.h>

#include "core/trace/trace_builder.h"
#include "tests/support/stop_looks.h"

namespace caracal::ui {
namespace {

using trace::EventIndex;
using trace::EventKind;
using trace::TrackKind;

bool holds(const std::vector<EventLink>& links, const EventLink& link) {
  return std::find(links.begin(), links.end(), link) != links.end();
}

// A host thread that launches `count` kernels, which begin one after the other, much later.
std::shared_ptr<const trace::Trace> launches(int count) {
  trace::TraceBuilder builder;
  builder.addRank({});
  builder.addTrack({.kind = TrackKind::kCpuThread});
  builder.addTrack({.kind = TrackKind::kGpuStream});
  for (int i = 0; i < count; ++i) {
    const auto id = static_cast<uint64_t>(i) + 1;
    builder.add({0, EventKind::kRuntime, builder.intern("cudaLaunchKernel"), 10 * i, 5, id});
    builder.add({1, EventKind::kKernel, builder.intern("gemm"), 5000 + 100 * i, 90, id});
  }
  builder.add({0, EventKind::kRuntime, builder.intern("cudaDeviceSynchronize"), 2500, 5});
  return std::move(builder).finish();
}

TEST(RunLinks, aLaunchLeadsToItsKernelHoweverLong) {
  const auto trace = launches(200);
  const trace::Track& host = trace->tracks()[0];
  for (EventIndex e = host.firstEvent; e < host.firstEvent + host.eventCount; ++e) {
    const std::vector<EventLink> links = launchLinks(*trace, e);
    if (trace->name(e) == "cudaDeviceSynchronize") {
      EXPECT_TRUE(links.empty());
      continue;
    }
    ASSERT_EQ(links.size(), 1U) << e;
    EXPECT_EQ(links[0].from, e);
    EXPECT_EQ(trace->launch(links[0].to), e);
    EXPECT_EQ(launchLinks(*trace, links[0].to), links) << "and back";
  }
}

TEST(RunLinks, collectivesLeadFromTheLastComerAndTransfersFromTheSender) {
  trace::TraceBuilder builder;
  for (int32_t r = 0; r < 3; ++r) {
    builder.addRank({.rank = r});
    builder.addTrack({.kind = TrackKind::kGpuStream, .rank = static_cast<uint32_t>(r)});
    builder.add({static_cast<uint32_t>(r), EventKind::kKernel, builder.intern("nccl"), 100 * r,
                 1000 - 100 * r});
  }
  analysis::PreparedRun run;
  run.trace = std::move(builder).finish();
  run.collectives.matched.push_back(
      {.lastRankIndex = 2, .members = {{0, 0, 200}, {1, 1, 100}, {2, 2, 0}}});
  run.transfers.matched.push_back({.send = 0, .receive = 1, .sender = 0, .receiver = 1});
  const RunLinks links(run);
  EXPECT_TRUE(holds(links.of(0), {2, 0, LinkKind::kCollective}));
  EXPECT_TRUE(holds(links.of(0), {0, 1, LinkKind::kTransfer}));
  EXPECT_TRUE(holds(links.of(1), {0, 1, LinkKind::kTransfer}));
  EXPECT_EQ(links.of(2).size(), 2U) << "both others waited for the last one";
}

TEST(RunLinks, aRequestToStopIsFoundAtTheNextLook) {
  constexpr size_t kTransfers = 3 * trace::kBetweenPolls;
  analysis::PreparedRun run;
  run.trace = launches(1);
  for (size_t i = 0; i < kTransfers; ++i)
    run.transfers.matched.push_back(
        {.send = static_cast<EventIndex>(kTransfers - i), .receive = static_cast<EventIndex>(i)});
  test::StopLooks all;
  const RunLinks whole(run, all.token());
  EXPECT_GE(all.count(), 3 * kTransfers / trace::kBetweenPolls);
  for (size_t at = 0; at < all.count(); ++at) {
    test::StopLooks looks(at);
    const RunLinks links(run, looks.token());
    EXPECT_LE(looks.afterRequest(), 3U) << "look " << at;
  }
}

}  // namespace
}  // namespace caracal::ui
