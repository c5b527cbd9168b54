#include "tests/bench/sample_trace.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "core/recording/recording.h"

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

}  // namespace

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
