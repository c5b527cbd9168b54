// A small export and a small recording, as SQLite files.
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/recording/recording.h"
#include "core/sqlite/sqlite.h"
#include "tests/fuzz/corpus.h"
#include "tests/fuzz/trace_promises.h"

namespace caracal::fuzz {
namespace {

constexpr const char* kExport = R"sql(
PRAGMA page_size=512; PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY;
CREATE TABLE StringIds (id INTEGER NOT NULL PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (start INT, "end" INT, deviceId INT, contextId INT, streamId INT,
  correlationId INT, globalPid INT, demangledName INT, shortName INT);
CREATE TABLE CUPTI_ACTIVITY_KIND_SYNCHRONIZATION (start INT, "end" INT, deviceId INT, contextId INT,
  streamId INT, correlationId INT, globalPid INT, syncType INT);
CREATE TABLE CUPTI_ACTIVITY_KIND_RUNTIME (start INT, "end" INT, globalTid INT, correlationId INT, nameId INT);
CREATE TABLE NVTX_EVENTS (start INT, "end" INT, eventType INT, text TEXT, globalTid INT, textId INT, domainId INT);
CREATE TABLE TARGET_INFO_SESSION_START_TIME (utcEpochNs INT);
INSERT INTO StringIds VALUES (1, 'gemm'), (2, 'cudaLaunchKernel_v7000'), (3, 'ncclAllReduce');
INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (10, 20, 0, 1, 7, 1, 167772160, 1, 1), (30, 45, 1, 2, 8, 2, 167772160, 1, 9);
INSERT INTO CUPTI_ACTIVITY_KIND_SYNCHRONIZATION VALUES (20, 30, 0, 2, 7, 3, 167772160, 3);
INSERT INTO CUPTI_ACTIVITY_KIND_RUNTIME VALUES (5, 6, 167772171, 1, 2), (7, 8, 167772171, 2, 2);
INSERT INTO NVTX_EVENTS VALUES (0, NULL, 75, 'caracal', 167772171, NULL, 2), (1, 90, 59, 'step:0', 167772171, NULL, 2),
  (2, 50, 59, 'F:0:0', 167772171, NULL, 2), (3, NULL, 60, 'open', 167772171, NULL, 0),
  (4, 9, 59, NULL, 167772171, 3, 1), (5, NULL, 34, 'aten::mm, op_id = 3', 167772171, NULL, 0);
INSERT INTO TARGET_INFO_SESSION_START_TIME VALUES (1700000000000000000);
)sql";

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& name)
      : m_path((std::filesystem::temp_directory_path() /
                fmt::format("caracal-replay-{}-{}", getpid(), name))
                   .string()) {}
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() { std::filesystem::remove(m_path); }
  const std::string& path() const { return m_path; }
  std::string bytes() const {
    std::ifstream file(m_path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::string m_path;
};

std::string exportBytes() {
  const TemporaryFile file("export.sqlite");
  auto database = sqlite::Database::open(file.path(), sqlite::Access::kCreate);
  require(database.has_value() && database->execute(kExport).has_value(), "an export can be made");
  return file.bytes();
}

std::string recordingBytes() {
  const TemporaryFile file("recording.sqlite");
  auto writer = recording::RecordingWriter::create(file.path(),
                                                   {{"runId", "r"},
                                                    {"planHash", "0"},
                                                    {"clock", "virtual"},
                                                    {"tag", "emulated"},
                                                    {"toolVersion", "0"}},
                                                   {{0, 0, 0, 0, "host"}, {1, 0, 1, 0, "host"}});
  require(writer.has_value(), "a recording can be made");
  recording::StepRecords records;
  records.operators = {
      {0, trace::EventKind::kCompute, trace::Pass::kForward, "qkv", "compute", 1, 2},
      {1, trace::EventKind::kComm, trace::Pass::kForward, "fwd.attn", "tp-comm", 2, 5, 2}};
  records.ranges = {{0, "step:0", 0, 9}, {1, "B:0:0", 3, 4}};
  records.memory = {{0, 3, 1024}, {1, 2, 2048}};
  records.steps = {{0, 0, 9, 1.5, 2048}};
  require(writer->append(records).has_value() && writer->close().has_value(),
          "a recording can be written");
  return file.bytes();
}

}  // namespace

std::vector<std::string> corpus() {
  return {exportBytes(), recordingBytes()};
}

}  // namespace caracal::fuzz
