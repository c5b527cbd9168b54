// Runs the real `caracal` program and keeps what it said.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace caracal::test {

struct Answer {
  int exitCode = -1;
  std::string out;
  std::string err;
};

// `cacheFolder`: where it keeps loaded runs; empty: nowhere that outlives the call.
Answer runCaracal(const std::vector<std::string>& arguments, std::string cacheFolder = {});

// The document that a successful `... --json` prints; a test failure and null when it does not.
nlohmann::json runCaracalJson(std::vector<std::string> arguments);

// A folder of its own for one test, removed with the object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string path(const std::string& name) const { return (m_path / name).string(); }
  // Writes a file and returns its path.
  std::string write(const std::string& name, std::string_view content) const;

 private:
  std::filesystem::path m_path;
};

// A Kineto trace of one rank that a reader checks by eye: times in us. compute 0-10, nccl 8-14,
// copy 20-22.
std::string smallKinetoTrace(int rank);

}  // namespace caracal::test
