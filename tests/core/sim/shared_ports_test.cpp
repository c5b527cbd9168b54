// Transfers that share a port, counted by hand.
#include "core/sim/shared_ports.h"

#include <gtest/gtest.h>

#include "core/sim/simulator.h"
#include "tests/support/layers.h"

namespace caracal::sim {
namespace {

profile::Profile sharing(int64_t latencyNs) {
  profile::Profile profile;
  profile.pipelineLink = {latencyNs, 1e9, true};
  profile.dataLink = {latencyNs, 1e9, true};
  return profile;
}

int64_t endOf(const ItemTime& time) {
  return time.endNs;
}

TEST(SharedPorts, aTransferAloneTakesItsTime) {
  SharedPorts ports(sharing(3), 1);
  ItemTime item, arrival;
  ports.send(0, {10, 25, &item, &arrival});
  EXPECT_TRUE(ports.completeNext());
  EXPECT_EQ(item, (ItemTime{10, 35}));
  EXPECT_EQ(arrival, item);
  EXPECT_FALSE(ports.completeNext());
}

TEST(SharedPorts, equalTransfersAtTheSameTimeTakeTimesTheirNumber) {
  for (const int64_t count : {2, 3, 7, 16}) {
    SharedPorts ports(sharing(0), 1);
    std::vector<ItemTime> arrivals(static_cast<size_t>(count));
    for (ItemTime& arrival : arrivals) ports.send(0, {5, 1000, nullptr, &arrival});
    while (ports.completeNext()) {
    }
    for (const ItemTime& arrival : arrivals) EXPECT_EQ(arrival, (ItemTime{5, 5 + 1000 * count}));
  }
}

// 10 from 0, 5 from 3: the first has 7 left at 3, both move at half their speed; the second is
// through after 10 at 13, the first has 2 left.
TEST(SharedPorts, aTransferThatJoinsSlowsTheOther) {
  SharedPorts ports(sharing(0), 1);
  ItemTime first, second;
  ports.send(0, {0, 10, nullptr, &first});
  ports.send(0, {3, 5, nullptr, &second});
  EXPECT_TRUE(ports.completeNext());
  EXPECT_EQ(endOf(second), 13);
  EXPECT_TRUE(ports.completeNext());
  EXPECT_EQ(endOf(first), 15);
}

TEST(SharedPorts, latencyIsNotShared) {
  SharedPorts ports(sharing(4), 1);
  ItemTime first, second;
  ports.send(0, {0, 4 + 10, nullptr, &first});
  ports.send(0, {0, 4 + 10, nullptr, &second});
  while (ports.completeNext()) {
  }
  EXPECT_EQ(endOf(first), 20 + 4);
  EXPECT_EQ(endOf(second), 20 + 4);
}

// Two reductions of 10 and a send of 10 from 0: at 20 the first reduction and the send are through.
TEST(SharedPorts, reductionsWaitForEachOtherAndShareWithSends) {
  SharedPorts ports(sharing(0), 1);
  ItemTime send, first, second;
  ports.reduce(0, {0, 10, nullptr, &first});
  ports.reduce(0, {0, 10, nullptr, &second});
  ports.send(0, {0, 10, nullptr, &send});
  while (ports.completeNext()) {
  }
  EXPECT_EQ(endOf(send), 20);
  EXPECT_EQ(endOf(first), 20);
  EXPECT_EQ(second, (ItemTime{20, 30}));
}

TEST(SharedPorts, devicesDoNotShareAndTheEarliestCompletionComesFirst) {
  SharedPorts ports(sharing(0), 2);
  ItemTime slow, quick;
  ports.send(0, {0, 10, nullptr, &slow});
  ports.send(1, {2, 3, nullptr, &quick});
  EXPECT_TRUE(ports.completeNext());
  EXPECT_EQ(endOf(quick), 5);
  EXPECT_EQ(endOf(slow), 0) << "not said yet";
  EXPECT_TRUE(ports.completeNext());
  EXPECT_EQ(endOf(slow), 10);
}

// A stage of forwards of 39 + 1 (embed) whose sends take 100 each: GPipe's first stage has sent its
// last of 4 at 160, from 40 on the port is never idle, and 400 have to go through it.
TEST(SharedPorts, aBusyPortCarriesEverythingInItsTime) {
  auto profile = test::makeProfile(test::tinyLayer(), 2, 2, 4);
  profile.sendForwardNs = 100;
  profile.sendBackwardNs = 0;
  const auto plan = test::makePlanOf(profile, {test::keepAll(profile.kinds[0])}, "gpipe");
  const auto apart = simulate(profile, plan);
  profile.pipelineLink.shared = true;
  const auto together = simulate(profile, plan, {TraceDetail::kOperators});
  ASSERT_TRUE(apart && together);
  EXPECT_EQ(simulate(profile, plan)->stepNs, together->stepNs);
  EXPECT_GT(together->stepNs, apart->stepNs);
  int64_t lastNs = 0;
  const trace::Trace& trace = *together->trace;
  for (trace::EventIndex e = 0; e < trace.eventCount(); ++e) {
    if (trace.name(e) == "send.fwd") lastNs = std::max(lastNs, trace.endNs(e));
  }
  EXPECT_GE(lastNs, 40 + 4 * 100);
  EXPECT_LE(lastNs, 40 + 4 * 100 + 4) << "each last byte leaves at a whole nanosecond";
}

}  // namespace
}  // namespace caracal::sim
