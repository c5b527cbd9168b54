// The recorder inside a job, against a CUPTI of ours.
#include <gmock/gmock.h>

#include <csignal>

#include "tests/profiler/fake_job.h"
#include "tests/profiler/observed_job.h"

namespace caracal::profiler {
namespace {

using recorder::LogState;
using recorder::LossReason;
using testing::HasSubstr;

int64_t lostFor(const Recorded& recorded, LossReason reason) {
  return recorded.conversion.lost[static_cast<size_t>(reason)];
}

TEST_F(RecorderTest, everythingAJobDidIsInItsRecording) {
  ASSERT_EQ(run({"steps", "5"}), 0);
  const Recorded recorded = only();
  EXPECT_TRUE(recorded.conversion.reachedEnd);
  EXPECT_EQ(recorded.conversion.state, LogState::kEnded);
  EXPECT_EQ(recorded.conversion.lostRecords(), 0);
  EXPECT_EQ(recorded.conversion.lostBytes, 0);
  EXPECT_EQ(recorded.conversion.steps, 5);
  EXPECT_EQ(recorded.number("SELECT count(*) FROM CUPTI_ACTIVITY_KIND_KERNEL"), 10);
  EXPECT_EQ(recorded.number("SELECT sum(\"end\" - start) FROM CUPTI_ACTIVITY_KIND_KERNEL"),
            static_cast<int64_t>(5 * (fake_job::kGemmNs + fake_job::kAllReduceNs)));
  EXPECT_EQ(recorded.number("SELECT sum(bytes) FROM CUPTI_ACTIVITY_KIND_MEMCPY"),
            static_cast<int64_t>(5 * fake_job::kCopyBytes));
  EXPECT_EQ(recorded.number("SELECT count(*) FROM CUPTI_ACTIVITY_KIND_MEMSET"), 5);
  EXPECT_EQ(recorded.number("SELECT count(*) FROM CUPTI_ACTIVITY_KIND_SYNCHRONIZATION"), 5);
  EXPECT_EQ(recorded.number("SELECT count(*) FROM NVTX_EVENTS WHERE eventType = 59"), 15);
  EXPECT_EQ(recorded.number("SELECT smCount FROM TARGET_INFO_GPU"), 132);
}

TEST_F(RecorderTest, namesAreThoseThatNsightSystemsShows) {
  ASSERT_EQ(run({"steps", "1"}), 0);
  const Recorded recorded = only();
  const auto nameBy = [&](const std::string& column) {
    return recorded.text("SELECT value FROM CUPTI_ACTIVITY_KIND_KERNEL JOIN StringIds ON id = " +
                         column + " ORDER BY start LIMIT 1");
  };
  EXPECT_EQ(nameBy("demangledName"), "void gemm<float>(float*)");
  EXPECT_EQ(nameBy("shortName"), "gemm");
  EXPECT_EQ(nameBy("mangledName"), fake_job::kGemm);
}

TEST_F(RecorderTest, rangesKeepTheirDomainAndPayload) {
  ASSERT_EQ(run({"steps", "1"}), 0);
  const Recorded recorded = only();
  const std::string ncclDomain =
      "(SELECT domainId FROM NVTX_EVENTS JOIN StringIds ON id = textId WHERE eventType = 75 AND "
      "value = 'NCCL')";
  EXPECT_EQ(recorded.text("SELECT value FROM NVTX_EVENTS JOIN StringIds ON id = textId WHERE "
                          "eventType = 59 AND domainId = " +
                          ncclDomain),
            "ncclAllReduce");
  EXPECT_EQ(recorded.text("SELECT jsonText FROM NVTX_EVENTS WHERE jsonText IS NOT NULL"),
            R"({"NCCL communicator ID":43981,"Message size [bytes]":8192})");
  EXPECT_EQ(recorded.text("SELECT name FROM NVTX_PAYLOAD_SCHEMA_ENTRIES WHERE idx = 1"),
            "Message size [bytes]");
}

TEST_F(RecorderTest, hostCallsAndExternalIdsAreRecordedWhenAskedFor) {
  m_options.kinds |= recorder::kKindRuntime | recorder::kKindExternal;
  ASSERT_EQ(run({"steps", "3"}), 0);
  const Recorded recorded = only();
  EXPECT_EQ(recorded.conversion.apiCalls, 3);
  EXPECT_EQ(recorded.text("SELECT value FROM CUPTI_ACTIVITY_KIND_RUNTIME JOIN StringIds ON id = "
                          "nameId LIMIT 1"),
            "cudaLaunchKernel_v7000");
  EXPECT_EQ(recorded.number("SELECT externalId FROM CARACAL_EXTERNAL_CORRELATION ORDER BY 1 DESC"),
            1002);
}

TEST_F(RecorderTest, everyKindOfRecordFindsItsTable) {
  m_options.kinds |= recorder::kKindGraph;
  ASSERT_EQ(run({"oddities"}), 0);
  const Recorded recorded = only();
  EXPECT_EQ(recorded.number("SELECT numMultiprocessors FROM TARGET_INFO_CUDA_CONTEXT_INFO WHERE "
                            "isGreenContext = 1"),
            32);
  EXPECT_EQ(recorded.number("SELECT dstDeviceId FROM CUPTI_ACTIVITY_KIND_MEMCPY"), 1);
  EXPECT_EQ(recorded.number("SELECT graphId FROM CUPTI_ACTIVITY_KIND_GRAPH_TRACE"), 42);
  EXPECT_EQ(recorded.number("SELECT \"end\" - start FROM CUPTI_ACTIVITY_KIND_OVERHEAD"), 5);
  const auto rangeOf = [&](const std::string& label, const std::string& column) {
    return recorded.text("SELECT " + column +
                         " FROM NVTX_EVENTS JOIN StringIds ON id = textId WHERE value = '" + label +
                         "'");
  };
  EXPECT_EQ(rangeOf("across threads", "eventType"), "60");
  EXPECT_EQ(rangeOf("across threads", "globalTid <> endGlobalTid"), "1");
  EXPECT_EQ(rangeOf("a mark", "eventType"), "34");
  EXPECT_EQ(rangeOf("w\u00efde", "eventType"), "59");
  EXPECT_EQ(rangeOf("with a number", "doubleValue"), "2.5");
  EXPECT_EQ(rangeOf("never popped", "\"end\" IS NULL"), "1");
  EXPECT_EQ(recorded.conversion.openRanges, 1);
  EXPECT_EQ(lostFor(recorded, LossReason::kNoTime), 1);
}

class EveryCupti : public RecorderTest, public testing::WithParamInterface<const char*> {};

TEST_P(EveryCupti, recordsOfItsVersionAreRead) {
  ASSERT_EQ(run({"steps", "4"}, {{"FAKE_CUPTI_VERSION", GetParam()}}), 0);
  const Recorded recorded = only();
  EXPECT_EQ(recorded.conversion.kernels, 8);
  EXPECT_EQ(recorded.conversion.copies, 4);
  EXPECT_EQ(recorded.conversion.waits, 4);
  EXPECT_EQ(recorded.conversion.lostRecords(), 0);
  EXPECT_EQ(recorded.text("SELECT name FROM TARGET_INFO_GPU"), "Fake H200");
}

TEST_P(EveryCupti, greenContextsAreKnownFromTheirVersionOn) {
  const bool isKnown = std::string(GetParam()) != "19";
  ASSERT_EQ(run({"oddities"}, {{"FAKE_CUPTI_VERSION", GetParam()}}), 0);
  EXPECT_EQ(
      only().number("SELECT count(*) FROM TARGET_INFO_CUDA_CONTEXT_INFO WHERE isGreenContext"),
      isKnown ? 1 : 0);
}

INSTANTIATE_TEST_SUITE_P(Versions, EveryCupti, testing::Values("19", "24", "28", "130001"));

TEST_F(RecorderTest, anUnknownCuptiIsLeftAlone) {
  ASSERT_EQ(run({"steps", "2"}, {{"FAKE_CUPTI_VERSION", "18"}}), 0);
  const Recorded recorded = only();
  EXPECT_EQ(recorded.conversion.kernels, 0);
  ASSERT_EQ(recorded.conversion.warnings.size(), 1u);
  EXPECT_THAT(recorded.conversion.warnings[0], HasSubstr("CUPTI v18 is found"));
}

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
  EXPECT_EQ(lostFor(recorded, LossReason::kCupti), 17);
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

#if defined(__SANITIZE_THREAD__)
#define SKIP_WHERE_CHILDREN_CANNOT_START_THREADS() \
  GTEST_SKIP() << "the thread sanitizer cannot follow threads of a forked child"
#else
#define SKIP_WHERE_CHILDREN_CANNOT_START_THREADS() static_cast<void>(0)
#endif

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

TEST_F(RecorderTest, hostClocksAreReadAtTheStartAtTheEndAndBetween) {
  m_options.anchorMs = 30;
  ASSERT_EQ(run({"slow-steps", "60"}), 0);
  const Recorded recorded = only();
  EXPECT_GE(recorded.number("SELECT count(*) FROM CARACAL_CLOCK"), 3);
  EXPECT_EQ(recorded.number("SELECT utcEpochNs FROM TARGET_INFO_SESSION_START_TIME"),
            recorded.number("SELECT realtimeNs FROM CARACAL_CLOCK WHERE time = 0"));
  EXPECT_EQ(recorded.number("SELECT count(*) FROM CARACAL_CLOCK WHERE cuptiNs IS NOT NULL AND "
                            "abs(cuptiNs - (SELECT max(cuptiNs) FROM CARACAL_CLOCK)) > 1e12"),
            0);
}

TEST_F(RecorderTest, workLiesOnTheRecordersClockWhateverClockCuptiHas) {
  ASSERT_EQ(run({"slow-steps", "5"}, {{"FAKE_CUPTI_OWN_CLOCK", "1"}}), 0);
  const Recorded recorded = only();
  EXPECT_EQ(recorded.number("SELECT count(*) FROM CUPTI_ACTIVITY_KIND_KERNEL AS k JOIN NVTX_EVENTS "
                            "AS r WHERE r.eventType = 59 AND r.domainId > 0 AND "
                            "abs(k.start - r.start) < 1e9"),
            10 * 10);
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

TEST_F(RecorderTest, withoutAFolderNothingIsRecorded) {
  ASSERT_EQ(run({"steps", "2"}, {{"CARACAL_RECORD_DIR", ""}}), 0);
  EXPECT_TRUE(std::filesystem::is_empty(folder()));
}

TEST_F(RecorderTest, launchersNameTheRank) {
  ASSERT_EQ(run({"steps", "1"}, {{"RANK", "3"}, {"WORLD_SIZE", "8"}, {"LOCAL_RANK", "1"}}), 0);
  const Recorded recorded = only();
  EXPECT_EQ(recorded.conversion.launch, (recorder::Launch{"torchrun", 3, 8, 1}));
  EXPECT_THAT(recorded.file, HasSubstr("/rank3-"));
}

}  // namespace
}  // namespace caracal::profiler
