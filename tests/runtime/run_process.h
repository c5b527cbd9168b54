// caracal-run as its callers see it: a process with arguments, exit code, output and a recording.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace caracal::test {

using Json = nlohmann::json;

class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "caracal_run_XXXXXX").string();
    m_path = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(m_path); }
  std::string file(const std::string& name) const { return (m_path / name).string(); }
  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(file(name)) << content;
    return file(name);
  }

 private:
  std::filesystem::path m_path;
};

// A running caracal-run, its output in files of a folder.
class Process {
 public:
  // `launcher`: the command in front of caracal-run, e.g. of mpirun.
  Process(const Folder& folder, std::vector<std::string> arguments,
          const std::vector<std::string>& launcher = {})
      : m_out(folder.file("stdout")), m_err(folder.file("stderr")) {
    arguments.insert(arguments.begin(), CARACAL_RUN_PATH);
    arguments.insert(arguments.begin(), launcher.begin(), launcher.end());
    m_pid = fork();
    if (m_pid != 0) return;
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    dup2(open(m_out.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600), STDOUT_FILENO);
    dup2(open(m_err.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600), STDERR_FILENO);
    execvp(argv[0], argv.data());
    _exit(127);
  }

  int wait() {
    int status = 0;
    waitpid(m_pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  void send(int signal) const { kill(m_pid, signal); }
  pid_t pid() const { return m_pid; }

  // Blocks until a progress line of the kind has been written.
  void waitForEvent(const std::string& event, size_t count = 1) const {
    for (int tries = 0; tries < 6000 && events(event).size() < count; ++tries) usleep(10'000);
    ASSERT_GE(events(event).size(), count) << err();
  }
  std::vector<Json> events(const std::string& event) const {
    std::vector<Json> found;
    std::istringstream lines(read(m_out));
    for (std::string line; std::getline(lines, line) && !lines.eof();) {
      const Json json = Json::parse(line);
      if (json.at("event") == event) found.push_back(json);
    }
    return found;
  }
  std::string err() const { return read(m_err); }

 private:
  static std::string read(const std::string& path) {
    std::ostringstream content;
    content << std::ifstream(path).rdbuf();
    return content.str();
  }
  std::string m_out, m_err;
  pid_t m_pid = -1;
};

inline const char* const kModel =
    R"({"layers": 4, "hidden": 32, "heads": 4, "sequence": 16, "vocabulary": 256,
  "microBatchSize": 2, "bytesPerElement": 4, "dropout": 0.1, "tp": 2, "pp": 2, "microBatches": 4})";

// Enough layers for two chunks on each of four stages.
inline const char* const kDeepModel =
    R"({"layers": 8, "hidden": 32, "heads": 4, "sequence": 16, "vocabulary": 256,
  "microBatchSize": 1, "bytesPerElement": 4, "dropout": 0.1, "pp": 4, "microBatches": 4})";

// The first column of the first row, or -1.
inline int64_t query(const std::string& path, const std::string& sql) {
  sqlite3* database = nullptr;
  int64_t value = -1;
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK &&
      sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK &&
      sqlite3_step(statement) == SQLITE_ROW) {
    value = sqlite3_column_int64(statement, 0);
  }
  sqlite3_finalize(statement);
  sqlite3_close(database);
  return value;
}

}  // namespace caracal::test
