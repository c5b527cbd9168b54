#include "core/recording/recording.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "core/recording/recording_schema.h"
#include "core/sqlite/sqlite.h"

namespace caracal::recording {
namespace {

using sqlite::Access;
using sqlite::Database;

const std::map<std::string, std::string> kMeta{{"runId", "run-1"},
                                               {"planHash", "0123456789abcdef"},
                                               {"clock", "virtual"},
                                               {"tag", "emulated"},
                                               {"toolVersion", "0.1.0"}};
const std::vector<RankRow> kRanks{{0, 0, 0, 0, "node1"}, {1, 1, 0, 0, "node1"}};

class Recording : public testing::Test {
 protected:
  void SetUp() override {
    m_folder = std::filesystem::path(testing::TempDir()) /
               ("recording_" + std::to_string(getpid()) +
                testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(m_folder);
  }
  void TearDown() override { std::filesystem::remove_all(m_folder); }
  std::string path(const char* name = "run.sqlite") const { return (m_folder / name).string(); }

  // The rows of a query, columns joined by '|', as a reader of the file sees them.
  static std::vector<std::string> rows(const std::string& file, const std::string& sql) {
    auto database = Database::openForReading(file);
    EXPECT_TRUE(database) << database.error().text();
    auto query = database->prepare(sql);
    EXPECT_TRUE(query) << sql << ": " << query.error().text();
    std::vector<std::string> all;
    while (query->step().value()) {
      std::string line;
      for (int c = 0; c < query->columnCount(); ++c) {
        line += (c ? "|" : "") + std::string(query->isNull(c) ? "NULL" : query->text(c));
      }
      all.push_back(line);
    }
    return all;
  }

  std::filesystem::path m_folder;
};

StepRecords oneStep(int32_t step) {
  const int64_t t = step * 1000;
  StepRecords records;
  records.operators = {{0, trace::EventKind::kCompute, trace::Pass::kForward, "qkv", "compute", t,
                        t + 100, -1, step, 0, 3, 0, 4096},
                       {0, trace::EventKind::kRecompute, trace::Pass::kRecompute, "fc1", "compute",
                        t + 100, t + 150, -1, step, 0, 3, 2},
                       {1, trace::EventKind::kComm, trace::Pass::kForward, "fwd.attn", "tp-comm",
                        t + 10, t + 60, 40, step, 0, 3, 1, 512}};
  records.ranges = {{0, "step:" + std::to_string(step), t, t + 1000},
                    {1, "F:0:1", t + 10, t + 200}};
  records.memory = {{0, t + 5, 1 << 20}, {1, t + 6, 1 << 21}};
  records.steps = {{step, t, t + 1000, 4.25 - step, 1 << 21}};
  return records;
}

TEST_F(Recording, everyRowIsReadBackFromItsTable) {
  auto writer = RecordingWriter::create(path(), kMeta, kRanks);
  ASSERT_TRUE(writer) << writer.error().text();
  ASSERT_TRUE(writer->append(oneStep(1)));
  ASSERT_TRUE(writer->setMeta("policy", "heu"));
  ASSERT_TRUE(writer->close());

  EXPECT_EQ(
      rows(path(),
           "SELECT start, \"end\", rank, k.name, p.name, n.value, l.value, step, microBatch, "
           "layer, window,"
           " bytes, transferNs FROM CARACAL_CPU_OP o JOIN ENUM_CARACAL_OP_KIND k ON k.id = kind"
           " JOIN ENUM_CARACAL_PASS p ON p.id = pass JOIN StringIds n ON n.id = nameId"
           " JOIN StringIds l ON l.id = laneId ORDER BY o.rowid"),
      (std::vector<std::string>{"1000|1100|0|compute|F|qkv|compute|1|0|3|0|4096|NULL",
                                "1100|1150|0|recompute|R|fc1|compute|1|0|3|2|NULL|NULL",
                                "1010|1060|1|comm|F|fwd.attn|tp-comm|1|0|3|1|512|40"}));
  EXPECT_EQ(
      rows(path(),
           "SELECT start, \"end\", value, r.rank FROM NVTX_EVENTS n JOIN StringIds ON id = textId"
           " JOIN CARACAL_RANK r USING (globalTid) WHERE eventType = 59 ORDER BY n.rowid"),
      (std::vector<std::string>{"1000|2000|step:1|0", "1010|1200|F:0:1|1"}));
  EXPECT_EQ(rows(path(), "SELECT domainId, text, \"end\" FROM NVTX_EVENTS WHERE eventType = 75"),
            std::vector<std::string>{"1|caracal|NULL"});
  EXPECT_EQ(rows(path(), "SELECT * FROM CARACAL_MEMORY"),
            (std::vector<std::string>{"1005|0|1048576", "1006|1|2097152"}));
  EXPECT_EQ(rows(path(), "SELECT * FROM CARACAL_STEP"),
            std::vector<std::string>{"1|1000|2000|3.25|2097152"});
  EXPECT_EQ(rows(path(), "SELECT rank, stage, tensorIndex, dataIndex, host FROM CARACAL_RANK"),
            (std::vector<std::string>{"0|0|0|0|node1", "1|1|0|0|node1"}));
  EXPECT_EQ(rows(path(), "SELECT * FROM CARACAL_META ORDER BY key"),
            (std::vector<std::string>{"clock|virtual", "planHash|0123456789abcdef", "policy|heu",
                                      "recordingVersion|1", "runId|run-1", "tag|emulated",
                                      "toolVersion|0.1.0"}));
}

TEST_F(Recording, closeLeavesOneFileBehind) {
  {
    auto writer = RecordingWriter::create(path(), kMeta, kRanks);
    ASSERT_TRUE(writer) << writer.error().text();
    ASSERT_TRUE(writer->append(oneStep(0)));
    EXPECT_TRUE(std::filesystem::exists(path() + "-wal"));
  }
  EXPECT_FALSE(std::filesystem::exists(path() + "-wal"));
  EXPECT_EQ(rows(path(), "SELECT count(*) FROM CARACAL_CPU_OP"), std::vector<std::string>{"3"});
}

TEST_F(Recording, aReaderSeesCommittedStepsWhileTheRunGoesOn) {
  auto writer = RecordingWriter::create(path(), kMeta, kRanks);
  ASSERT_TRUE(writer) << writer.error().text();
  for (int32_t step = 0; step < 3; ++step) {
    ASSERT_TRUE(writer->append(oneStep(step)));
    EXPECT_EQ(rows(path(), "SELECT count(*) FROM CARACAL_STEP"),
              std::vector<std::string>{std::to_string(step + 1)});
  }
}

TEST_F(Recording, whatWasAppendedBeforeAKillIsReadable) {
  int pipeEnds[2];
  ASSERT_EQ(pipe(pipeEnds), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto writer = RecordingWriter::create(path(), kMeta, kRanks);
    for (int32_t step = 0; writer && writer->append(oneStep(step)); ++step) {
      if (write(pipeEnds[1], &step, sizeof step) != sizeof step) break;
    }
    _exit(1);
  }
  ::close(pipeEnds[1]);
  int32_t acknowledged = -1;
  for (int i = 0; i < 200; ++i)
    ASSERT_EQ(read(pipeEnds[0], &acknowledged, sizeof acknowledged), ssize_t{sizeof acknowledged});
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself before it was killed";
  while (read(pipeEnds[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged) {
  }
  ::close(pipeEnds[0]);

  const auto steps =
      rows(path(),
           "SELECT count(*), max(step), (SELECT count(*) FROM CARACAL_CPU_OP) / 3.0 = count(*)"
           " FROM CARACAL_STEP");
  const auto expected = [](int32_t last) { return fmt::format("{}|{}|1", last + 1, last); };
  // The kill may fall between a commit and its acknowledgement.
  EXPECT_TRUE(steps[0] == expected(acknowledged) || steps[0] == expected(acknowledged + 1))
      << steps[0] << " after step " << acknowledged << " was acknowledged";
  EXPECT_EQ(rows(path(), "PRAGMA integrity_check"), std::vector<std::string>{"ok"});
}

TEST_F(Recording, createReplacesAnOlderRecordingAndItsWal) {
  std::ofstream(path()) << "something else";
  std::ofstream(path() + "-wal") << "leftovers";
  auto writer = RecordingWriter::create(path(), kMeta, kRanks);
  ASSERT_TRUE(writer) << writer.error().text();
  ASSERT_TRUE(writer->append(oneStep(7)));
  ASSERT_TRUE(writer->close());
  EXPECT_EQ(rows(path(), "SELECT step FROM CARACAL_STEP"), std::vector<std::string>{"7"});
}

TEST_F(Recording, aMissingMetaKeyIsRefusedByName) {
  auto meta = kMeta;
  meta.erase("clock");
  const auto writer = RecordingWriter::create(path(), meta, kRanks);
  ASSERT_FALSE(writer);
  EXPECT_NE(writer.error().message.find("clock"), std::string::npos) << writer.error().text();
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(Recording, aFolderThatDoesNotExistIsAnErrorThatNamesTheFile) {
  const auto writer = RecordingWriter::create(path("absent/run.sqlite"), kMeta, kRanks);
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().code, ErrorCode::kIo);
  EXPECT_EQ(writer.error().where, path("absent/run.sqlite"));
}

TEST_F(Recording, aLossThatDivergedIsStoredAsNull) {
  auto writer = RecordingWriter::create(path(), kMeta, kRanks);
  ASSERT_TRUE(writer) << writer.error().text();
  StepRecords records;
  records.steps = {{0, 0, 1, std::nan(""), 0}, {1, 1, 2, 2.5, 0}};
  ASSERT_TRUE(writer->append(records));
  EXPECT_EQ(rows(path(), "SELECT loss FROM CARACAL_STEP"),
            (std::vector<std::string>{"NULL", "2.5"}));
}

}  // namespace
}  // namespace caracal::recording
