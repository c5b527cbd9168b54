#include "tests/bench/sample_trace.h"

#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "core/recording/recording.h"
#include "core/sqlite/sqlite.h"

namespace caracal::bench {
namespace {

namespace fs = std::filesystem;

// One file per size; removed when the program ends.
class Files {
 public:
  ~Files() {
    std::error_code ignored;
    for (const auto& [size, path] : m_paths) fs::remove(path, ignored);
  }

  template <class Write>
  const std::string& of(int size, const char* ending, Write write) {
    std::string& path = m_paths[size];
    if (path.empty()) {
      path = (fs::temp_directory_path() /
              fmt::format("caracal-bench-{}-{}{}", ::getpid(), size, ending))
                 .string();
      write(path, size);
    }
    return path;
  }

 private:
  std::map<int, std::string> m_paths;
};

constexpr const char* kKernelNames[] = {
    "ampere_bf16_s16816gemm_bf16_128x128_ldg8_f2f_stages_32x5_tn",
    "void at::native::vectorized_elementwise_kernel<4, at::native::GeluFunctor>",
    "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)",
    "void cunn_SoftMaxForward<8, c10::BFloat16, float, c10::BFloat16>"};

void writeKineto(const std::string& path, int rank, int kernels) {
  std::ofstream out(path, std::ios::binary);
  out << fmt::format(
      R"({{"schemaVersion": 1, "distributedInfo": {{"backend": "nccl", "rank": {}}}, "traceEvents": [)",
      rank);
  for (int i = 0; i < kernels; ++i) {
    const double begin = 6322354308961.0 + i * 12.5;
    out << (i == 0 ? "\n" : ",\n")
        << fmt::format(
               R"({{"ph": "X", "cat": "cpu_op", "name": "aten::mm", "pid": 4242, "tid": 4242, "ts": {:.3f}, "dur": 9.125, "args": {{"External id": {}, "Ev Idx": {}}}}},
{{"ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel", "pid": 4242, "tid": 4242, "ts": {:.3f}, "dur": 4.5, "args": {{"External id": {}, "cbid": 211, "correlation": {}}}}},
{{"ph": "s", "id": {}, "pid": 4242, "tid": 4242, "ts": {:.3f}, "cat": "ac2g", "name": "ac2g"}},
{{"ph": "X", "cat": "kernel", "name": "{}", "pid": 0, "tid": {}, "ts": {:.3f}, "dur": 10.75, "args": {{"External id": {}, "device": 0, "stream": {}, "correlation": {}, "registers per thread": 128, "grid": [12, 1, 1], "block": [256, 1, 1]}}}})",
               begin, i, i, begin + 2, i, i, i, begin + 2, kKernelNames[i % 4], i % 4 == 2 ? 20 : 7,
               begin + 8, i, i % 4 == 2 ? 20 : 7, i);
  }
  out << "\n]}\n";
}

void writeRecording(const std::string& path, int operators) {
  const std::map<std::string, std::string> meta{{"runId", "bench"},
                                                {"planHash", "0000000000000000"},
                                                {"clock", "virtual"},
                                                {"tag", "emulated"},
                                                {"toolVersion", CARACAL_VERSION}};
  auto writer = recording::RecordingWriter::create(path, meta,
                                                   {{0, 0, 0, 0, "bench"}, {1, 1, 0, 0, "bench"}});
  recording::StepRecords records;
  for (int i = 0; i < operators; ++i) {
    recording::OperatorRow row;
    row.rank = i % 2;
    row.name = i % 3 == 0 ? "qkv" : "fc1";
    row.lane = "compute";
    row.beginNs = i * 1000;
    row.endNs = i * 1000 + 900;
    row.microBatch = i % 8;
    row.layer = i % 24;
    records.operators.push_back(row);
  }
  if (writer && writer->append(records)) static_cast<void>(writer->close());
}

// Metadata that nobody keeps, of random letters so that it stays large when it is compressed.
std::string textWithoutEvents() {
  constexpr size_t kBytes = 4 << 20;
  std::mt19937 random(1);
  std::string text =
      R"({"traceEvents": [{"ph": "X", "cat": "cpu_op", "name": "op", "pid": 1, "tid": 1, "ts": 1, "dur": 1})";
  while (text.size() < kBytes) {
    text += R"(,{"ph": "M", "name": "process_labels", "pid": 1, "args": {"labels": ")";
    for (int i = 0; i < 200; ++i) text += static_cast<char>('a' + random() % 26);
    text += "\"}}";
  }
  return text + "]}";
}

// An export whose only large table names threads that did nothing.
void writeExportWithoutEvents(const std::string& path) {
  auto database = sqlite::Database::open(path, sqlite::Access::kCreate);
  if (!database) return;
  static_cast<void>(database->execute(R"sql(
    CREATE TABLE StringIds (id INTEGER NOT NULL PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (start INT, "end" INT, deviceId INT, contextId INT,
      streamId INT, correlationId INT, globalPid INT, demangledName INT, shortName INT);
    CREATE TABLE CUPTI_ACTIVITY_KIND_RUNTIME (start INT, "end" INT, globalTid INT,
      correlationId INT, nameId INT);
    CREATE TABLE NVTX_EVENTS (start INT, "end" INT, eventType INT, text TEXT, globalTid INT,
      textId INT, domainId INT);
    CREATE TABLE ThreadNames (nameId INT, priority INT, globalTid INT);
    INSERT INTO StringIds VALUES (1, 'kernel');
    INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (5, 9, 0, 1, 7, 1, 16777216, 1, 1);
    INSERT INTO CUPTI_ACTIVITY_KIND_RUNTIME VALUES (1, 2, 16777217, 1, 1);
    INSERT INTO NVTX_EVENTS VALUES (1, 9, 59, 'range', 16777217, NULL, 0);
    INSERT INTO ThreadNames WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
      WHERE i < 100000) SELECT 1, 0, i << 24 FROM n;)sql"));
}

void writeWithoutEvents(const std::string& path, int kind) {
  if (static_cast<FileKind>(kind) == FileKind::kSqlite) return writeExportWithoutEvents(path);
  const std::string text = textWithoutEvents();
  // "wT": as it is.
  gzFile file = gzopen(path.c_str(), static_cast<FileKind>(kind) == FileKind::kGzip ? "wb" : "wbT");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
}

}  // namespace

const std::string& fileWithoutEvents(FileKind kind) {
  static Files files;
  static constexpr const char* kEndings[] = {".json", ".json.gz", ".sqlite"};
  return files.of(static_cast<int>(kind), kEndings[static_cast<size_t>(kind)], writeWithoutEvents);
}

const std::string& kinetoFile(int kernels) {
  static Files files;
  return files.of(kernels, ".json",
                  [](const std::string& path, int size) { writeKineto(path, 0, size); });
}

const std::vector<std::string>& kinetoRun(int ranks, int kernels) {
  static Files files;
  static std::vector<std::string> paths;
  if (!paths.empty()) return paths;
  for (int rank = 0; rank < ranks; ++rank) {
    paths.push_back(files.of(rank, "-rank.json", [&](const std::string& path, int own) {
      writeKineto(path, own, kernels);
    }));
  }
  return paths;
}

const std::string& recordingFile(int operators) {
  static Files files;
  return files.of(operators, ".sqlite", writeRecording);
}

int64_t fileBytes(const std::string& path) {
  return static_cast<int64_t>(fs::file_size(path));
}

}  // namespace caracal::bench
