#include "core/trace/trace_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "core/base/files.h"
#include "core/trace/trace_builder.h"

namespace caracal::trace {
namespace {

namespace fs = std::filesystem;

class TraceFileTest : public testing::Test {
 protected:
  TraceFileTest()
      : m_folder(fs::temp_directory_path() /
                 ("trace-file-" + std::to_string(::getpid()) + "-" +
                  testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::create_directory(m_folder);
  }
  ~TraceFileTest() override { fs::remove_all(m_folder); }
  std::string path() const { return (m_folder / "run").string(); }
  size_t filesInFolder() const {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(m_folder), fs::directory_iterator()));
  }

 private:
  fs::path m_folder;
};

std::shared_ptr<const Trace> twoRanks() {
  std::vector<TraceBuilder> builders(2);
  for (int32_t r = 0; r < 2; ++r) {
    TraceBuilder& builder = builders[static_cast<size_t>(r)];
    const uint32_t rank = builder.addRank({.rank = r,
                                           .device = 0,
                                           .deviceName = "NVIDIA H100",
                                           .host = "node\xff",  // a bad byte in a name
                                           .file = "a.json",
                                           .foundBy = "file name",
                                           .claimedRank = 6,
                                           .stage = 1});
    const TrackIndex host =
        builder.addTrack({.kind = TrackKind::kCpuThread, .rank = rank, .id = 5});
    const TrackIndex stream = builder.addTrack(
        {.kind = TrackKind::kGpuStream, .rank = rank, .device = 0, .id = 7, .label = "stream 7"});
    const uint32_t group = builder.addGroup({.name = "tp", .ranks = {0, 1}, .size = 2});
    std::vector<EventIndex> calls;
    for (int64_t i = 0; i < 2000; ++i) {
      const auto id = static_cast<uint64_t>(i) + 1;
      calls.push_back(
          builder.add({host, EventKind::kRuntime, builder.intern("launch"), i * 1000 + r, 7, id}));
      builder.add({stream, EventKind::kKernel, builder.intern("k" + std::to_string(i % 300)),
                   i * 1000 + 500, i % 400, id},
                  {.sequence = i, .group = group, .collective = CollectiveKind::kAllReduce});
    }
    builder.addFlow(calls[0], calls[1], FlowKind::kForwardBackward);
    builder.addCounter({"memory", "bytes", rank, 0, {1, 2}, {10, 20}});
    builder.report().count(Defect::kBadNumber, 3);
    builder.report().notes.push_back("a note");
    builder.meta()["clock"] = "wall";
    builder.setFormat("kineto");
  }
  return TraceBuilder::merge(std::move(builders));
}

TEST_F(TraceFileTest, givesBackTheWholeTrace) {
  const auto trace = twoRanks();
  ASSERT_TRUE(writeTraceFile(*trace, {{"why", "test"}}, path()));
  EXPECT_EQ(filesInFolder(), 1u);
  const auto read = readTraceFile(path());
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->key["why"], "test");
  const Trace& back = *read->trace;
  ASSERT_EQ(back.eventCount(), trace->eventCount());
  for (EventIndex e = 0; e < back.eventCount(); ++e) {
    ASSERT_EQ(back.span(e), trace->span(e));
    ASSERT_EQ(back.name(e), trace->name(e));
    ASSERT_EQ(back.kind(e), trace->kind(e));
    ASSERT_EQ(back.launch(e), trace->launch(e));
    ASSERT_EQ(back.args(e), trace->args(e));
    ASSERT_EQ(back.trackOf(e), trace->trackOf(e));
  }
  EXPECT_EQ(back.range(), trace->range());
  EXPECT_EQ(back.format(), "kineto");
  EXPECT_EQ(back.tag(), trace->tag());
  EXPECT_EQ(back.meta(), trace->meta());
  EXPECT_EQ(back.processGroups(), trace->processGroups());
  EXPECT_EQ(back.flows(), trace->flows());
  EXPECT_EQ(back.report().counts, trace->report().counts);
  EXPECT_EQ(back.report().notes, trace->report().notes);
  ASSERT_EQ(back.counters().size(), 2u);
  EXPECT_EQ(back.counters()[1].rank, 1u);
  EXPECT_EQ(back.counters()[1].values, (std::vector<int64_t>{10, 20}));
  EXPECT_EQ(back.ranks()[1].deviceName, "NVIDIA H100");
  EXPECT_EQ(back.ranks()[1].claimedRank, 6);
  EXPECT_EQ(back.ranks()[1].host, "node\xEF\xBF\xBD");
  EXPECT_EQ(back.tracks()[3].label, "stream 7");
  const Span part{100'300, 1'200'700};
  for (TrackIndex t = 0; t < 4; ++t) EXPECT_EQ(back.activity(t, part), trace->activity(t, part));
}

TEST_F(TraceFileTest, anEmptyTraceIsATrace) {
  ASSERT_TRUE(writeTraceFile(*TraceBuilder::merge({}), {}, path()));
  const auto read = readTraceFile(path());
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->trace->eventCount(), 0u);
}

TEST_F(TraceFileTest, whatIsNotAWholeTraceFileIsRefusedInWords) {
  EXPECT_EQ(readTraceFile(path()).error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(writeTraceFile(*twoRanks(), {}, path()));
  const auto size = fs::file_size(path());
  fs::resize_file(path(), size - 1);
  EXPECT_NE(readTraceFile(path()).error().message.find("of its"), std::string::npos);
  ASSERT_TRUE(writeTraceFile(*twoRanks(), {}, path()));
  std::string bytes = *readTextFile(path());
  bytes[bytes.find("launch")] = '!';
  ASSERT_TRUE(writeTextFile(path(), bytes));
  EXPECT_NE(readTraceFile(path()).error().message.find("checksum of section"), std::string::npos);
  std::ofstream(path(), std::ios::binary) << "SQLite format 3";
  EXPECT_NE(readTraceFile(path()).error().message.find("not a trace file"), std::string::npos);
}

TEST_F(TraceFileTest, theKeyIsReadAlone) {
  ASSERT_TRUE(writeTraceFile(*twoRanks(), {{"run", "a"}}, path()));
  EXPECT_EQ(readTraceFileKey(path())->at("run"), "a");
  std::string bytes = *readTextFile(path());
  bytes[bytes.find("\"run\"") + 1] = '!';
  ASSERT_TRUE(writeTextFile(path(), bytes));
  EXPECT_NE(readTraceFileKey(path()).error().message.find("facts differs"), std::string::npos);
  EXPECT_EQ(readTraceFileKey("/nowhere").error().code, ErrorCode::kNotFound);
}

TEST_F(TraceFileTest, writingThatFailsLeavesTheOldFile) {
  ASSERT_TRUE(writeTraceFile(*twoRanks(), {{"old", true}}, path()));
  std::stop_source stop;
  stop.request_stop();
  const auto stopped = writeTraceFile(*twoRanks(), {}, path(), stop.get_token());
  EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
  EXPECT_TRUE(readTraceFile(path())->key["old"]);
  EXPECT_EQ(filesInFolder(), 1u);
  EXPECT_EQ(writeTraceFile(*twoRanks(), {}, "/dev/full/x").error().code, ErrorCode::kIo);
}

}  // namespace
}  // namespace caracal::trace
