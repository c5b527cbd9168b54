#include <gmock/gmock.h>

#include <fstream>

#include "tests/core/import/nsys_fixture.h"

namespace caracal::import {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using trace::Defect;
using trace::EventKind;

using NsysBadInput = NsysTest;

std::string kernel(const std::string& start, const std::string& end) {
  return fmt::format("INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES ({},{},0,1,7,1,{},1,1);", start,
                     end, globalPid(10));
}

TEST_F(NsysBadInput, emptyFilesAndOtherContentAreRefusedInWords) {
  std::ofstream(path("zero.sqlite")).close();
  EXPECT_THAT(refusal("zero.sqlite").message, HasSubstr("empty"));
  std::ofstream(path("text.sqlite")) << std::string(8192, 'x');
  EXPECT_THAT(refusal("text.sqlite").message, HasSubstr("not an SQLite database"));
  std::ofstream(path("run.nsys-rep")) << "anything";
  EXPECT_THAT(refusal("run.nsys-rep").message, HasSubstr("nsys export --type sqlite"));
}

TEST_F(NsysBadInput, aDatabaseOfSomethingElseIsRefusedInWords) {
  sql("CREATE TABLE recipes (name TEXT);");
  EXPECT_THAT(refusal().message, HasSubstr("without any table of an Nsight Systems export"));
}

TEST_F(NsysBadInput, anExportWithoutRowsIsRefusedInWords) {
  createTables();
  EXPECT_THAT(refusal().message, HasSubstr("no events"));
}

TEST_F(NsysBadInput, oneTableWithoutProcessesDoesNotSplitTheDevice) {
  createTables();
  sql("ALTER TABLE CUPTI_ACTIVITY_KIND_KERNEL DROP COLUMN globalPid;"
      "INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (1, 2, 0, 1, 7, 1, 1, 1);"
      "CREATE TABLE CUPTI_ACTIVITY_KIND_MEMSET (start INT, \"end\" INT, deviceId INT, contextId "
      "INT, "
      "streamId INT, correlationId INT, globalPid INT, bytes INT, memKind INT);" +
      fmt::format("INSERT INTO CUPTI_ACTIVITY_KIND_MEMSET VALUES (3, 4, 0, 1, 7, 2, {}, 8, 2);",
                  globalPid(10)));
  EXPECT_EQ(load()->ranks().size(), 1u);
  // Two processes on the device: nobody can tell whose kernels they are.
  sql(fmt::format("INSERT INTO CUPTI_ACTIVITY_KIND_MEMSET VALUES (5, 6, 0, 1, 7, 3, {}, 8, 2);",
                  globalPid(20)));
  EXPECT_EQ(load()->ranks().size(), 2u);
}

TEST_F(NsysBadInput, aFileCutInTheMiddleIsRefusedOrCounted) {
  createTables();
  sql("INSERT INTO StringIds WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE "
      "i < 5000) "
      "SELECT i, hex(randomblob(20)) FROM n;" +
      kernel("1", "2"));
  const auto bytes = std::filesystem::file_size(path());
  for (int tenths = 1; tenths < 10; ++tenths) {
    const std::string name = fmt::format("cut{}.sqlite", tenths);
    std::filesystem::copy_file(path(), path(name));
    std::filesystem::resize_file(path(name), bytes * static_cast<uintmax_t>(tenths) / 10);
    const auto loaded = loadTraces({path(name)});
    if (loaded) {
      EXPECT_GT(loaded->trace->report().of(Defect::kTruncatedInput), 0) << name;
    } else {
      EXPECT_THAT(loaded.error().message, HasSubstr("damaged or was cut short")) << name;
    }
  }
}

TEST_F(NsysBadInput, aDamagedPageEndsItsTableAndIsCounted) {
  createTables();
  sql("INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i "
      "+ 1 FROM n WHERE i < "
      "4000) SELECT i * 10, i * 10 + 5, 0, 1, 7, i, " +
      std::to_string(globalPid(10)) + ", 1, 1 FROM n;");
  const auto bytes = static_cast<std::streamoff>(std::filesystem::file_size(path()));
  {
    std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(bytes - 3 * 4096);
    file << std::string(4096, '\xEE');
  }
  const auto trace = load();
  EXPECT_GT(trace->eventCount(), 1000u);
  EXPECT_LT(trace->eventCount(), 4001u);
  EXPECT_GT(trace->report().of(Defect::kTruncatedInput), 0);
  EXPECT_TRUE(anyNoteContains(*trace, "CUPTI_ACTIVITY_KIND_KERNEL is incomplete after row"));
}

TEST_F(NsysBadInput, rowsThatCannotBePlacedInTimeAreCounted) {
  createTables();
  sql(kernel("10", "20") + kernel("30", "25") + kernel("NULL", "40") + kernel("50", "NULL") +
      kernel("'soon'", "60") + kernel("-9223372036854775808", "70") +
      kernel("80", "9223372036854775807") + kernel("0", "0"));
  const auto trace = load();
  EXPECT_THAT(eventsOf(*trace, EventKind::kKernel),
              ElementsAre("gemm [10, 20) stream 7", "gemm [50, 50) stream 7"));
  EXPECT_EQ(trace->report().of(Defect::kNegativeDuration), 2);
  EXPECT_EQ(trace->report().of(Defect::kMissingTimestamp), 4);
  EXPECT_EQ(trace->report().of(Defect::kMissingDuration), 1);
  EXPECT_EQ(trace->ranks()[0].sourceRecords, 8);
}

TEST_F(NsysBadInput, missingColumnsAreNamedAndTheRestIsRead) {
  sql("CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (start INT, \"end\" INT);"
      "INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (1, 2), (3, 4);");
  const auto trace = load();
  EXPECT_THAT(eventsOf(*trace, EventKind::kKernel),
              ElementsAre("(unnamed) [1, 2) stream 0", "(unnamed) [3, 4) stream 0"));
  EXPECT_EQ(trace->ranks()[0].deviceKey, "pidNone/dev0");
  EXPECT_EQ(trace->report().of(Defect::kMissingName), 2);
  EXPECT_GE(trace->report().of(Defect::kMissingTable), 4);
  const std::string file = std::filesystem::path(path()).filename().string();
  constexpr const char* kRemedy =
      "make the export again: nsys export --type sqlite REPORT.nsys-rep";
  EXPECT_TRUE(anyNoteContains(
      *trace,
      fmt::format("{}: CUPTI_ACTIVITY_KIND_KERNEL has no column globalPid; {}", file, kRemedy)));
  EXPECT_TRUE(anyNoteContains(
      *trace,
      fmt::format("{}: no table StringIds: names are shown as their numbers; {}", file, kRemedy)));
}

TEST_F(NsysBadInput, namesThatAreNotInTheStringTableAreShownAsNumbers) {
  createTables();
  sql(kernel("1", "2") + "DELETE FROM StringIds;");
  const auto trace = load();
  EXPECT_THAT(eventsOf(*trace, EventKind::kKernel), ElementsAre("1 [1, 2) stream 7"));
  EXPECT_EQ(trace->report().of(Defect::kUnresolvedNameId), 1);
}

TEST_F(NsysBadInput, theOtherNameOfAKernelIsShownWhenOneIsNotInTheStringTable) {
  createTables();
  const std::string row =
      "INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES ({0},{1},0,1,7,1,{2},{3},{4});";
  sql(fmt::format(fmt::runtime(row), 1, 2, globalPid(10), 1, 99) +
      fmt::format(fmt::runtime(row), 3, 4, globalPid(10), 98, 1) +
      fmt::format(fmt::runtime(row), 5, 6, globalPid(10), "NULL", 1));
  const auto trace = load();
  EXPECT_THAT(eventsOf(*trace, EventKind::kKernel),
              ElementsAre("gemm [1, 2) stream 7", "gemm [3, 4) stream 7", "gemm [5, 6) stream 7"));
  EXPECT_EQ(trace->report().of(Defect::kUnresolvedNameId), 2);
}

TEST_F(NsysBadInput, aStringTableWithoutAKeyStillNames) {
  createTables();
  sql(kernel("1", "2") +
      "CREATE TABLE copy AS SELECT * FROM StringIds; DROP TABLE StringIds; ALTER TABLE copy RENAME "
      "TO StringIds;");
  EXPECT_THAT(eventsOf(*load(), EventKind::kKernel), ElementsAre("gemm [1, 2) stream 7"));
}

TEST_F(NsysBadInput, correlationsMeanNothingWithoutAProcess) {
  sql("CREATE TABLE StringIds (id INTEGER PRIMARY KEY, value TEXT); INSERT INTO StringIds VALUES "
      "(1, 'k'), (2, 'call');"
      "CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (start INT, \"end\" INT, deviceId INT, streamId "
      "INT, correlationId INT, "
      "shortName INT);"
      "CREATE TABLE CUPTI_ACTIVITY_KIND_RUNTIME (start INT, \"end\" INT, correlationId INT, "
      "globalTid INT, nameId INT);"
      "INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (5, 6, 0, 7, 1, 1);"
      "INSERT INTO CUPTI_ACTIVITY_KIND_RUNTIME VALUES (1, 2, 1, 0, 2);");
  const auto trace = load();
  ASSERT_EQ(trace->ranks().size(), 1u) << "the calls belong to the only rank there is";
  EXPECT_EQ(trace->launch(eventNamed(*trace, "k")), trace::kNoIndex);
  EXPECT_EQ(trace->report().of(Defect::kGpuWorkWithoutLaunch), 1);
}

}  // namespace
}  // namespace caracal::import
