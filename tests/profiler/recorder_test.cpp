// What a recording of a job holds, against a CUPTI of ours.
#include <gmock/gmock.h>

#include "tests/profiler/fake_job.h"
#include "tests/profiler/observed_job.h"

namespace caracal::profiler {
namespace {

using recorder::LogState;
using recorder::LossReason;
using testing::HasSubstr;

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
  EXPECT_EQ(recorded.lostFor(LossReason::kNoTime), 1);
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
