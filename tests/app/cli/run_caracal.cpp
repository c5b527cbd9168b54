#include "tests/app/cli/run_caracal.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/runs/program.h"

namespace caracal::test {
namespace {

namespace fs = std::filesystem;

std::string contentOf(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

Answer runCaracal(const std::vector<std::string>& arguments, std::string cacheFolder) {
  const TemporaryFolder folder;
  const std::string errors = folder.path("stderr");
  // The shell only redirects standard error; arguments are passed on untouched.
  runs::ProgramCall call{"/bin/sh", {"-c", "exec \"$0\" \"$@\" 2>\"$CARACAL_TEST_STDERR\""}, {}};
  call.arguments.push_back(CARACAL_BINARY_DIR "/bin/caracal");
  call.arguments.insert(call.arguments.end(), arguments.begin(), arguments.end());
  call.environment.push_back("CARACAL_TEST_STDERR=" + errors);
  if (cacheFolder.empty()) cacheFolder = folder.path("cache");
  call.environment.push_back("CARACAL_CACHE_DIR=" + cacheFolder);
  Answer answer;
  const auto code = runs::runProgram(
      call, [&](std::string_view line) { answer.out.append(line).append("\n"); }, {});
  EXPECT_TRUE(code) << (code ? "" : code.error().text());
  answer.exitCode = code.value_or(-1);
  answer.err = contentOf(errors);
  return answer;
}

nlohmann::json runCaracalJson(std::vector<std::string> arguments) {
  arguments.emplace_back("--json");
  const Answer answer = runCaracal(arguments);
  EXPECT_EQ(answer.exitCode, 0) << answer.err;
  auto document = nlohmann::json::parse(answer.out, nullptr, false);
  EXPECT_FALSE(document.is_discarded()) << "not one JSON document: " << answer.out;
  return document;
}

TemporaryFolder::TemporaryFolder() {
  static std::atomic<int> count{0};
  m_path = fs::temp_directory_path() / fmt::format("caracal-test-{}-{}", ::getpid(), count++);
  fs::create_directories(m_path);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(m_path, ignored);
}

std::string TemporaryFolder::write(const std::string& name, std::string_view content) const {
  std::ofstream(m_path / name, std::ios::binary) << content;
  return path(name);
}

std::string smallKinetoTrace(int rank) {
  return fmt::format(
      R"({{"schemaVersion": 1, "distributedInfo": {{"backend": "nccl", "rank": {0}, "world_size": 2}},
  "traceEvents": [
  {{"ph": "X", "cat": "cpu_op", "name": "aten::mm", "pid": 7, "tid": 7, "ts": 0, "dur": 3, "args": {{"External id": 1}}}},
  {{"ph": "X", "cat": "kernel", "name": "gemm", "pid": {0}, "tid": 7, "ts": 0, "dur": 10,
    "args": {{"device": {0}, "stream": 7, "correlation": 1}}}},
  {{"ph": "X", "cat": "kernel", "name": "ncclDevKernel_AllReduce_Sum_f32", "pid": {0}, "tid": 20, "ts": 8, "dur": 6,
    "args": {{"device": {0}, "stream": 20, "correlation": 2}}}},
  {{"ph": "X", "cat": "gpu_memcpy", "name": "Memcpy HtoD", "pid": {0}, "tid": 7, "ts": 20, "dur": 2,
    "args": {{"device": {0}, "stream": 7, "correlation": 3, "bytes": 4096}}}}
]}})",
      rank);
}

}  // namespace caracal::test
