// The recorder inside jobs that fork, die, run out of disk or are recorded in part, against a CUPTI
// of ours.
#include <gmock/gmock.h>

#include <csignal>

#include "core/base/sanitizers.h"
#include "tests/profiler/fake_job.h"
#include "tests/profiler/observed_job.h"

namespace caracal::profiler {
namespace {

using recorder::LogState;
using recorder::LossReason;
using testing::HasSubstr;

TEST_F(RecorderTest, manyThreadsLoseNothing) {
  constexpr int64_t kEach = 15'000;
  ASSERT_EQ(run({"threads", std::to_string(kEach)}), 0);
  const Recorded recorded = only();
  EXPECT_EQ(recorded.conversion.kernels, kEach * fake_job::kThreads);
  EXPECT_EQ(recorded.conversion.ranges, kEach * fake_job::kThreads);
  EXPECT_EQ(recorded.conversion.lostRecords(), 0);
  EXPECT_EQ(recorded.number("SELECT count(DISTINCT globalTid) FROM NVTX_EVENTS"),
            fake_job::kThreads);
}

TEST_F(RecorderTest, whatCuptiDroppedIsCounted) {
  ASSERT_EQ(run({"steps", "1"}, {{"FAKE_CUPTI_DROPPED", "17"}}), 0);
  const Recorded recorded = only();
  EXPECT_EQ(recorded.lostFor(LossReason::kCupti), 17);
  EXPECT_EQ(recorded.number("SELECT records FROM CARACAL_LOSS"), 17);
  EXPECT_THAT(recorded.text("SELECT text FROM DIAGNOSTIC_EVENT WHERE severity = 2"),
              HasSubstr("17 records were dropped"));
}

TEST_F(RecorderTest, anotherSubscriberKeepsCuptiAndRangesAreStillRecorded) {
  ASSERT_EQ(run({"steps", "2"}, {{"FAKE_CUPTI_OTHER", "1"}}), 0);
  const Recorded recorded = only();
  EXPECT_TRUE(recorded.conversion.reachedEnd);
  EXPECT_EQ(recorded.conversion.kernels, 0);
  EXPECT_EQ(recorded.conversion.ranges, 6);
  ASSERT_EQ(recorded.conversion.warnings.size(), 1u);
  EXPECT_THAT(recorded.conversion.warnings[0], HasSubstr("already uses CUPTI"));
}

#define SKIP_WHERE_CHILDREN_CANNOT_START_THREADS() \
  if (kThreadSanitizer || kAddressSanitizer)       \
  GTEST_SKIP() << "sanitizers leave locks of other threads held in a forked child"

TEST_F(RecorderTest, aForkedChildWritesALogOfItsOwn) {
  SKIP_WHERE_CHILDREN_CANNOT_START_THREADS();
  ASSERT_EQ(run({"fork-before-cuda"}), 0);
  const auto all = recorded();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].conversion.kernels, 0);
  EXPECT_EQ(all[0].conversion.ranges, 1);
  EXPECT_TRUE(all[0].conversion.reachedEnd);
  EXPECT_EQ(all[1].conversion.kernels, 2);
  EXPECT_EQ(all[1].conversion.ranges, 3);
  EXPECT_TRUE(all[1].conversion.reachedEnd);
}

TEST_F(RecorderTest, aForkAfterCudaLeavesTheParentsLogWhole) {
  SKIP_WHERE_CHILDREN_CANNOT_START_THREADS();
  ASSERT_EQ(run({"fork"}), 0);
  const auto all = recorded();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].conversion.kernels, 4);
  EXPECT_EQ(all[0].conversion.ranges, 7);
  EXPECT_TRUE(all[0].conversion.reachedEnd);
  EXPECT_EQ(all[0].conversion.lostBytes, 0);
}

TEST_F(RecorderTest, leavingWithoutExitHandlersKeepsWhatWasFlushed) {
  ASSERT_EQ(run({"leave", "6"}), 7);
  const Recorded recorded = only();
  EXPECT_FALSE(recorded.conversion.reachedEnd);
  EXPECT_EQ(recorded.conversion.kernels, 12);
  EXPECT_EQ(recorded.conversion.ranges, 18);
}

TEST_F(RecorderTest, aKilledProcessLeavesAReadableLog) {
  ObservedJob job({"hang", "6"}, environment());
  ASSERT_EQ(job.readLine(), "ready");
  job.kill(SIGKILL);
  ASSERT_EQ(job.wait(), -SIGKILL);
  const Recorded recorded = only();
  EXPECT_FALSE(recorded.conversion.reachedEnd);
  EXPECT_EQ(recorded.conversion.state, LogState::kOpen);
  EXPECT_EQ(recorded.conversion.kernels, 12);
}

TEST_F(RecorderTest, aFullDiskEndsTheRecordingAndNotTheJob) {
  ASSERT_EQ(run({"full-disk", "20000"}), 0);
  const Recorded recorded = only();
  EXPECT_EQ(recorded.conversion.state, LogState::kWriteFailed);
  EXPECT_EQ(recorded.conversion.lostBytes, 0);
  EXPECT_FALSE(recorded.conversion.reachedEnd);
  ASSERT_EQ(recorded.conversion.warnings.size(), 1u);
  EXPECT_THAT(recorded.conversion.warnings[0], HasSubstr("File too large"));
}

TEST_F(RecorderTest, onlyTheStepsOfTheRangeAreRecorded) {
  m_options.steps = recorder::StepRange{3, 5};
  ASSERT_EQ(run({"steps", "10"}), 0);
  const Recorded recorded = only();
  EXPECT_EQ(recorded.conversion.steps, 10);
  EXPECT_EQ(recorded.conversion.recordedSteps, 3);
  EXPECT_EQ(recorded.conversion.kernels, 6);
  EXPECT_EQ(recorded.conversion.ranges, 9);
  EXPECT_EQ(recorded.conversion.openRanges, 0);
  EXPECT_EQ(recorded.number("SELECT count(*) FROM CARACAL_COLLECTION"), 2);
}

TEST_F(RecorderTest, aMarkerOfTheUsersCountsStepsToo) {
  m_options.stepMarker = "forw";
  m_options.steps = recorder::StepRange{2, 3};
  ASSERT_EQ(run({"steps", "6"}), 0);
  EXPECT_EQ(only().conversion.kernels, 4);
}

TEST_F(RecorderTest, theDurationEndsTheRecordingAndNotTheJob) {
  m_options.durationMs = 100;
  ASSERT_EQ(run({"slow-steps", "200"}), 0);
  const Recorded recorded = only();
  EXPECT_TRUE(recorded.conversion.reachedEnd);
  EXPECT_GT(recorded.conversion.kernels, 0);
  EXPECT_LT(recorded.conversion.steps, 200);
}

TEST_F(RecorderTest, theCostOfRecordingIsMeasuredOnStepsWithAndWithout) {
  m_options.overheadSteps = 4;
  ASSERT_EQ(run({"slow-steps", "30"}), 0);
  const Recorded recorded = only();
  ASSERT_TRUE(recorded.conversion.overhead);
  EXPECT_EQ(recorded.conversion.overhead->offSteps, 9);  // three blocks of 4, but for their first
  EXPECT_EQ(recorded.conversion.recordedSteps, 18);
  EXPECT_EQ(recorded.conversion.kernels, 36);
  EXPECT_GT(recorded.number("SELECT value FROM CARACAL_META WHERE key = 'overhead.offNs'"), 0);
}

TEST_F(RecorderTest, buffersThatComeAfterTheEndHarmNobody) {
  ASSERT_EQ(run({"steps", "3"}, {{"FAKE_CUPTI_LATE", "1"}}), 0);
  const Recorded recorded = only();
  EXPECT_TRUE(recorded.conversion.reachedEnd);
  EXPECT_EQ(recorded.conversion.kernels, 0);
}

TEST_F(RecorderTest, theLastFlushTakesWhatEarlierOnesDidNotGet) {
  ASSERT_EQ(run({"leave", "2"}, {{"FAKE_CUPTI_KEEP", "1"}}), 7);
  EXPECT_EQ(only().conversion.kernels, 0);
  std::filesystem::remove_all(folder());
  std::filesystem::create_directories(folder());
  ASSERT_EQ(run({"steps", "2"}, {{"FAKE_CUPTI_KEEP", "1"}}), 0);
  EXPECT_EQ(only().conversion.kernels, 4);
}

}  // namespace
}  // namespace caracal::profiler
