#include <gmock/gmock.h>

#include "tests/core/import/nsys_fixture.h"

namespace caracal::import {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using trace::Defect;
using trace::EventKind;
using trace::Trace;

using NsysImporter = NsysTest;

std::string kernelRow(int64_t start, int64_t end, int device, int stream, int correlation,
                      int64_t pid, int name = 1) {
  return fmt::format("INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES ({},{},{},1,{},{},{},{},{});",
                     start, end, device, stream, correlation, globalPid(pid), name, name);
}

std::string callRow(int64_t start, int64_t end, int correlation, int64_t pid, int64_t tid) {
  return fmt::format("INSERT INTO CUPTI_ACTIVITY_KIND_RUNTIME VALUES ({},{},0,{},{},2);", start,
                     end, globalTid(pid, tid), correlation);
}

TEST_F(NsysImporter, aKernelIsOnItsStreamAndLinkedToItsLaunch) {
  createTables();
  sql(kernelRow(100, 150, 0, 7, 42, 10) + callRow(80, 90, 42, 10, 11) +
      "INSERT INTO TARGET_INFO_GPU VALUES (0, 'NVIDIA H100');" +
      fmt::format("INSERT INTO ThreadNames VALUES (3, 0, {});", globalTid(10, 11)));
  const auto trace = load();
  EXPECT_EQ(trace->format(), "nsys");
  EXPECT_THAT(eventsOf(*trace, EventKind::kKernel), ElementsAre("gemm [100, 150) stream 7"));
  EXPECT_THAT(eventsOf(*trace, EventKind::kRuntime),
              ElementsAre("cudaLaunchKernel [80, 90) thread 11 (python3)"));
  EXPECT_EQ(trace->launch(eventNamed(*trace, "gemm")), eventNamed(*trace, "cudaLaunchKernel"));
  ASSERT_EQ(trace->ranks().size(), 1u);
  EXPECT_EQ(trace->ranks()[0].deviceKey, "pid10/dev0");
  EXPECT_EQ(trace->ranks()[0].deviceName, "NVIDIA H100");
  EXPECT_EQ(trace->ranks()[0].sourceRecords, 2);
  EXPECT_EQ(trace->report().of(Defect::kGpuWorkWithoutLaunch), 0);
}

TEST_F(NsysImporter, tablesOfKindsThatNobodyWantsAreNotRead) {
  createTables();
  sql(kernelRow(100, 150, 0, 7, 42, 10) + callRow(80, 90, 42, 10, 11) +
      fmt::format("INSERT INTO NVTX_EVENTS (start, \"end\", eventType, text, globalTid) VALUES "
                  "(1, 9, 59, 'a', {0}), (2, 'never', 59, 'b', {0});",
                  globalTid(10, 11)));
  const auto kernels = loadTraces({path()}, {.selection = {.kinds = {EventKind::kKernel}}});
  ASSERT_TRUE(kernels) << kernels.error().text();
  EXPECT_EQ(kernels->trace->eventCount(), 1u);
  EXPECT_EQ(kernels->trace->report().of(Defect::kLeftOutByRequest), 3) << "two ranges, one call";
  EXPECT_EQ(kernels->trace->report().of(Defect::kMissingDuration), 0) << "a range was looked at";
  EXPECT_EQ(kernels->trace->report().of(Defect::kGpuWorkWithoutLaunch), 0);
  const auto ranges = loadTraces({path()}, {.selection = {.kinds = {EventKind::kAnnotation}}});
  EXPECT_EQ(ranges->trace->eventCount(), 2u);
  EXPECT_EQ(ranges->trace->report().of(Defect::kMissingDuration), 1);
}

TEST_F(NsysImporter, processesThatBothSayDeviceZeroAreTwoRanks) {
  createTables();
  sql(kernelRow(100, 150, 0, 7, 1, 20) + kernelRow(200, 250, 0, 7, 1, 10) +
      callRow(10, 20, 1, 10, 10) + callRow(30, 40, 1, 20, 20));
  const auto trace = load();
  ASSERT_EQ(trace->ranks().size(), 2u);
  EXPECT_EQ(trace->ranks()[0].deviceKey, "pid10/dev0");
  EXPECT_EQ(trace->ranks()[1].deviceKey, "pid20/dev0");
  EXPECT_EQ(trace->ranks()[0].rank, 0);
  EXPECT_EQ(trace->ranks()[1].rank, 1);
  EXPECT_EQ(trace->ranks()[0].foundBy, "order of device and process");
  EXPECT_EQ(trace->report().of(Defect::kUnknownRank), 2);
  // The same correlation id in two processes is two launches.
  for (trace::EventIndex e = 0; e < trace->eventCount(); ++e) {
    if (trace->kind(e) != EventKind::kKernel) continue;
    const auto launch = trace->launch(e);
    ASSERT_NE(launch, trace::kNoIndex);
    EXPECT_EQ(trackOf(*trace, e).process, trackOf(*trace, launch).process);
  }
}

TEST_F(NsysImporter, ranksAreInOrderOfDeviceThenProcess) {
  createTables();
  sql(kernelRow(0, 1, 1, 7, 1, 10) + kernelRow(0, 1, 0, 7, 1, 30) + kernelRow(0, 1, 0, 7, 1, 20));
  const auto trace = load();
  std::vector<std::string> keys;
  for (const auto& rank : trace->ranks()) keys.push_back(rank.deviceKey);
  EXPECT_THAT(keys, ElementsAre("pid20/dev0", "pid30/dev0", "pid10/dev1"));
}

TEST_F(NsysImporter, oneProcessWithTwoDevicesLaunchesOnBoth) {
  createTables();
  sql(kernelRow(100, 150, 1, 7, 1, 10) + kernelRow(100, 160, 0, 7, 2, 10) +
      callRow(10, 20, 1, 10, 10) + callRow(20, 30, 2, 10, 10));
  const auto trace = load();
  ASSERT_EQ(trace->ranks().size(), 2u);
  EXPECT_EQ(trace->ranks()[0].device, 0);
  EXPECT_EQ(trace->ranks()[1].hostRank, 0u);
  EXPECT_EQ(trace->report().of(Defect::kGpuWorkWithoutLaunch), 0);
}

TEST_F(NsysImporter, copiesSetsAndGraphsAreWorkWithTypedSizes) {
  sql(fmt::format(R"sql(
    CREATE TABLE CUPTI_ACTIVITY_KIND_MEMCPY (start INT, "end" INT, deviceId INT, contextId INT, streamId INT,
      correlationId INT, globalPid INT, bytes INT, copyKind INT, srcKind INT, dstKind INT);
    CREATE TABLE CUPTI_ACTIVITY_KIND_MEMSET (start INT, "end" INT, deviceId INT, contextId INT, streamId INT,
      correlationId INT, globalPid INT, bytes INT, memKind INT);
    CREATE TABLE CUPTI_ACTIVITY_KIND_GRAPH_TRACE (start INT, "end" INT, deviceId INT, contextId INT, streamId INT,
      correlationId INT, globalPid INT, graphId INT);
    INSERT INTO CUPTI_ACTIVITY_KIND_MEMCPY VALUES (1,2,0,1,7,1,{0},4096,1,0,2), (3,4,0,1,7,1,{0},8192,99,99,2);
    INSERT INTO CUPTI_ACTIVITY_KIND_MEMSET VALUES (5,6,0,1,7,1,{0},512,2);
    INSERT INTO CUPTI_ACTIVITY_KIND_GRAPH_TRACE VALUES (7,9,0,1,7,1,{0},3);)sql",
                  globalPid(10)));
  const auto trace = load();
  EXPECT_THAT(
      eventsOf(*trace, EventKind::kMemcpy),
      ElementsAre("Memcpy HtoD (Pageable -> Device) [1, 2) stream 7", "Memcpy [3, 4) stream 7"));
  EXPECT_THAT(eventsOf(*trace, EventKind::kMemset), ElementsAre("Memset (Device) [5, 6) stream 7"));
  EXPECT_THAT(eventsOf(*trace, EventKind::kGraph), ElementsAre("CUDA graph 3 [7, 9) stream 7"));
  EXPECT_EQ(trace->args(eventNamed(*trace, "Memset (Device)"))->bytes, 512);
  EXPECT_EQ(trace->args(eventNamed(*trace, "Memcpy"))->bytes, 8192);
}

TEST_F(NsysImporter, waitsGoToTheDeviceOfTheirContextWhateverTheirDeviceIdSays) {
  createTables();
  sql(fmt::format(R"sql(
    INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (1,2,3,2,7,1,{0},1,1);
    CREATE TABLE CUPTI_ACTIVITY_KIND_SYNCHRONIZATION (start INT, "end" INT, deviceId INT, contextId INT,
      streamId INT, correlationId INT, globalPid INT, syncType INT);
    INSERT INTO CUPTI_ACTIVITY_KIND_SYNCHRONIZATION VALUES (5,8,0,2,7,9,{0},3), (9,12,0,2,4294967295,9,{0},4);
    CREATE TABLE CUPTI_ACTIVITY_KIND_CUDA_EVENT (timestamp INT, deviceId INT, contextId INT, streamId INT,
      correlationId INT, globalPid INT, eventId INT);
    INSERT INTO CUPTI_ACTIVITY_KIND_CUDA_EVENT VALUES (6,0,2,7,9,{0},5), (0,0,2,7,9,{0},6);)sql",
                  globalPid(10)));
  const auto trace = load();
  ASSERT_EQ(trace->ranks().size(), 1u);
  EXPECT_THAT(eventsOf(*trace, EventKind::kSync),
              ElementsAre("Stream synchronize [5, 8) stream 7 (context 2)",
                          "Context synchronize [9, 12) no stream (context 2)"));
  EXPECT_THAT(eventsOf(*trace, EventKind::kCudaEvent),
              ElementsAre("CUDA event 5 [6, 6) stream 7 (context 2)"));
  EXPECT_TRUE(anyNoteContains(*trace, "1 CUDA event records carry no time"));
}

TEST_F(NsysImporter, overheadHasALaneOfItsOwn) {
  createTables();
  sql(kernelRow(0, 1, 0, 7, 1, 10) +
      fmt::format(
          "CREATE TABLE PROFILER_OVERHEAD (start INT, \"end\" INT, globalTid INT, nameId INT);"
          "INSERT INTO PROFILER_OVERHEAD VALUES (2, 3, {}, 1);",
          globalTid(10, 11)));
  EXPECT_THAT(eventsOf(*load(), EventKind::kOverhead),
              ElementsAre("gemm [2, 3) profiler overhead"));
}

TEST_F(NsysImporter, sessionTimesBecomeEpochTimesByTheSessionStart) {
  createTables();
  const int64_t start = 1'700'000'000'000'000'123;
  sql(kernelRow(100, 150, 0, 7, 1, 10) +
      fmt::format("CREATE TABLE TARGET_INFO_SESSION_START_TIME (utcEpochNs INT);"
                  "INSERT INTO TARGET_INFO_SESSION_START_TIME VALUES ({});",
                  start));
  const auto trace = load();
  EXPECT_EQ(trace->range(), (Span{start + 100, start + 150}));
  EXPECT_EQ(trace->metaOr("timeShiftNs", ""), std::to_string(start));
}

TEST_F(NsysImporter, normalizedTimesAreNotShiftedAgain) {
  createTables();
  const int64_t epoch = 1'728'565'415'332'536'873;
  sql(kernelRow(epoch, epoch + 1, 0, 7, 1, 10) +
      "CREATE TABLE TARGET_INFO_SESSION_START_TIME (utcEpochNs INT);"
      "INSERT INTO TARGET_INFO_SESSION_START_TIME VALUES (1728565414647100501);"
      "CREATE TABLE EXPORT_META_DATA (name TEXT, value TEXT);"
      "INSERT INTO EXPORT_META_DATA VALUES ('EXPORT_PARAM_TIME_NORMALIZE', 'true'), "
      "('EXPORT_SCHEMA_VERSION', '2.9.1');");
  const auto trace = load();
  EXPECT_EQ(trace->range().beginNs, epoch);
  EXPECT_EQ(trace->metaOr("nsysSchema", ""), "2.9.1");
  EXPECT_FALSE(anyNoteContains(*trace, "epoch"));
}

TEST_F(NsysImporter, theMagnitudeWinsOverAWrongNormalizeFlag) {
  createTables();
  sql(kernelRow(100, 150, 0, 7, 1, 10) +
      "CREATE TABLE TARGET_INFO_SESSION_START_TIME (utcEpochNs INT);"
      "INSERT INTO TARGET_INFO_SESSION_START_TIME VALUES (1728565414647100501);"
      "CREATE TABLE META_DATA_EXPORT (name TEXT, value TEXT);"
      "INSERT INTO META_DATA_EXPORT VALUES ('EXPORT_PARAM_TIME_NORMALIZE', 'true');");
  const auto trace = load();
  EXPECT_EQ(trace->range().beginNs, 1728565414647100601);
  EXPECT_TRUE(anyNoteContains(*trace, "session times"));
}

TEST_F(NsysImporter, devicesAreNamedThroughTheMappingOfTheProcess) {
  createTables();
  sql(kernelRow(0, 1, 0, 7, 1, 10) + kernelRow(0, 1, 0, 7, 1, 20) +
      "INSERT INTO TARGET_INFO_GPU VALUES (0, 'A100'), (1, 'H100');"
      "CREATE TABLE TARGET_INFO_CUDA_DEVICE (gpuId INT, cudaId INT, pid INT);"
      "INSERT INTO TARGET_INFO_CUDA_DEVICE VALUES (0, 0, 10), (1, 0, 20);");
  const auto trace = load();
  ASSERT_EQ(trace->ranks().size(), 2u);
  EXPECT_EQ(trace->ranks()[0].deviceName, "A100");
  EXPECT_EQ(trace->ranks()[1].deviceName, "H100");
}

TEST_F(NsysImporter, aVersionedTableNameIsTheTable) {
  createTables();
  sql(kernelRow(0, 1, 0, 7, 1, 10) +
      "ALTER TABLE CUPTI_ACTIVITY_KIND_KERNEL RENAME TO CUPTI_ACTIVITY_KIND_KERNEL_V3;");
  EXPECT_EQ(eventsOf(*load(), EventKind::kKernel).size(), 1u);
}

TEST_F(NsysImporter, versionSuffixesOfCallsAreStripped) {
  createTables();
  sql("DELETE FROM StringIds; INSERT INTO StringIds VALUES (2, 'cuMemcpyHtoDAsync_v2_ptsz');" +
      callRow(0, 1, 1, 10, 10));
  EXPECT_THAT(eventsOf(*load(), EventKind::kRuntime),
              ElementsAre("cuMemcpyHtoDAsync [0, 1) thread 10"));
}

TEST_F(NsysImporter, aNumberInTheFileNameIsTheRankOfAFileWithOneRank) {
  createTables();
  sql(kernelRow(0, 1, 0, 7, 1, 10));
  std::filesystem::copy_file(path(), path("run_rank3.sqlite"));
  const auto one = load("run_rank3.sqlite");
  EXPECT_EQ(one->ranks()[0].rank, 3);
  EXPECT_EQ(one->report().of(Defect::kUnknownRank), 0);
}

TEST_F(NsysImporter, operatingSystemTablesAreNamedAsNotRead) {
  createTables();
  sql(kernelRow(0, 1, 0, 7, 1, 10) +
      "CREATE TABLE OSRT_API (start INT); INSERT INTO OSRT_API VALUES (1);"
      "CREATE TABLE SCHED_EVENTS (start INT);");
  const auto trace = load();
  EXPECT_TRUE(anyNoteContains(*trace, "OSRT_API"));
  EXPECT_FALSE(anyNoteContains(*trace, "SCHED_EVENTS"));
}

TEST_F(NsysImporter, warningsOfTheProfilerAreShownAndLossesCounted) {
  createTables();
  sql(kernelRow(0, 1, 0, 7, 1, 10) +
      "CREATE TABLE DIAGNOSTIC_EVENT (severity INT, text TEXT);"
      "INSERT INTO DIAGNOSTIC_EVENT VALUES (1, 'Profiling has started.'), (3, 'Some events were "
      "dropped.');");
  const auto trace = load();
  EXPECT_TRUE(anyNoteContains(*trace, "Some events were dropped"));
  EXPECT_FALSE(anyNoteContains(*trace, "started"));
  EXPECT_EQ(trace->report().of(Defect::kDroppedByRecorder), 1);
}

TEST_F(NsysImporter, loadingStopsInTheMiddleWhenAsked) {
  createTables();
  constexpr int kRows = 200'000;
  sql(
      fmt::format("INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL WITH RECURSIVE n(i) AS (SELECT 1 UNION "
                  "ALL SELECT i + 1 FROM n WHERE i < {}) SELECT {} + 10 * i, {} + 10 * i, 0, 1, 7, "
                  "i, {}, 1, 1 FROM n;",
                  kRows, 1'000'000'000'000, 1'000'000'000'005, globalPid(10)));
  std::stop_source stop;
  double reached = 0;
  const Progress stopEarly = [&](double fraction, std::string_view) {
    if (!stop.stop_requested()) reached = fraction;
    if (fraction > 0.1) stop.request_stop();
  };
  const TemporaryFolder cache;
  const LoadOptions options{.cache = {.folder = cache.path()}};
  const auto stopped = loadTraces({path()}, options, stop.get_token(), stopEarly);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
  EXPECT_LT(reached, 0.5);
  EXPECT_TRUE(std::filesystem::is_empty(cache.path()));
  EXPECT_EQ(loadTraces({path()}, options)->trace->eventCount(), size_t{kRows});
  EXPECT_TRUE(loadTraces({path()}, options)->fromCache);
}

}  // namespace
}  // namespace caracal::import
