// caracal-run as its callers see it: a process with arguments, exit code, output and a recording.
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

namespace {

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
  Process(const Folder& folder, std::vector<std::string> arguments)
      : m_out(folder.file("stdout")), m_err(folder.file("stderr")) {
    arguments.insert(arguments.begin(), CARACAL_RUN_PATH);
    m_pid = fork();
    if (m_pid != 0) return;
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    dup2(open(m_out.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600), STDOUT_FILENO);
    dup2(open(m_err.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600), STDERR_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }

  int wait() {
    int status = 0;
    waitpid(m_pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  void send(int signal) const { kill(m_pid, signal); }

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

const char* const kModel =
    R"({"layers": 4, "hidden": 32, "heads": 4, "sequence": 16, "vocabulary": 256,
  "microBatchSize": 2, "bytesPerElement": 4, "dropout": 0.1, "tp": 2, "pp": 2, "microBatches": 4})";

// The first column of the first row, or -1.
int64_t query(const std::string& path, const std::string& sql) {
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

TEST(CaracalRun, reportsEveryStepAndRecordsIt) {
  const Folder folder;
  const std::string record = folder.file("run.sqlite");
  Process run(folder, {"--model", folder.write("m.json", kModel), "--steps", "3", "--clock",
                       "virtual", "--record", record});
  ASSERT_EQ(run.wait(), 0) << run.err();
  const Json start = run.events("start").at(0);
  EXPECT_EQ(start["ranks"], 4);
  EXPECT_EQ(start["tag"], "emulated");
  const auto steps = run.events("step");
  ASSERT_EQ(steps.size(), 3U);
  for (const Json& step : steps) {
    EXPECT_GT(step["stepNs"].get<int64_t>(), 0);
    EXPECT_GT(step["loss"].get<double>(), 0);
  }
  const Json end = run.events("end").at(0);
  EXPECT_EQ(end["stopped"], "allSteps");
  EXPECT_EQ(end["ranks"].size(), 4U);
  EXPECT_EQ(query(record, "SELECT count(*) FROM CARACAL_STEP"), 3);
  EXPECT_EQ(query(record, "SELECT count(DISTINCT rank) FROM CARACAL_CPU_OP"), 4);
}

TEST(CaracalRun, sizesOnTheCommandLineReplaceTheModels) {
  const Folder folder;
  Process run(folder, {"--model", folder.write("m.json", kModel), "--tp", "1", "--pp", "4", "--dp",
                       "1", "--microbatches", "2", "--steps", "1"});
  ASSERT_EQ(run.wait(), 0) << run.err();
  const Json start = run.events("start").at(0);
  EXPECT_EQ(start["tp"], 1);
  EXPECT_EQ(start["partition"], Json::array({1, 1, 1, 1}));
  EXPECT_EQ(start["microBatches"], 2);
}

TEST(CaracalRun, interruptEndsAfterTheStepAndKeepsTheRecording) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const Folder folder;
    const std::string record = folder.file("run.sqlite");
    Process run(folder, {"--model", folder.write("m.json", kModel), "--steps", "100000", "--record",
                         record});
    run.waitForEvent("step");
    run.send(signal);
    ASSERT_EQ(run.wait(), 0) << run.err();
    const Json end = run.events("end").at(0);
    EXPECT_EQ(end["stopped"], "signal");
    EXPECT_EQ(query(record, "SELECT count(*) FROM CARACAL_STEP"), end["steps"].get<int64_t>());
  }
}

TEST(CaracalRun, goesOnFromTheCheckpointOfAnInterruptedRun) {
  const Folder folder;
  const std::string model = folder.write("m.json", kModel), checkpoint = folder.file("c.ckpt");
  Process first(folder,
                {"--model", model, "--steps", "100000", "--seed", "7", "--checkpoint", checkpoint});
  first.waitForEvent("step");
  first.send(SIGTERM);
  ASSERT_EQ(first.wait(), 0) << first.err();
  const auto done = first.events("end").at(0)["steps"].get<int64_t>();

  Process rest(folder, {"--model", model, "--steps", "2", "--resume", checkpoint});
  ASSERT_EQ(rest.wait(), 0) << rest.err();
  EXPECT_EQ(rest.events("step").at(0)["step"], done);

  Process other(folder, {"--model", model, "--resume", checkpoint, "--seed", "8"});
  EXPECT_EQ(other.wait(), 1);
  EXPECT_NE(other.err().find("seed 7"), std::string::npos) << other.err();
}

TEST(CaracalRun, killedMidStepLeavesAReadableRecording) {
  const Folder folder;
  const std::string record = folder.file("run.sqlite");
  Process run(folder,
              {"--model", folder.write("m.json", kModel), "--steps", "100000", "--record", record});
  run.waitForEvent("step", 2);
  run.send(SIGKILL);
  EXPECT_EQ(run.wait(), 128 + SIGKILL);
  const auto announced = static_cast<int64_t>(run.events("step").size());
  EXPECT_GE(query(record, "SELECT count(*) FROM CARACAL_STEP"), announced);
  EXPECT_EQ(query(record, "SELECT count(*) FROM CARACAL_STEP"),
            query(record, "SELECT count(DISTINCT step) FROM CARACAL_CPU_OP"));
  EXPECT_EQ(
      query(record, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
}

TEST(CaracalRun, wallClockReportsHowLateEmulatedTransfersEnded) {
  const Folder folder;
  Process run(folder, {"--model", folder.write("m.json", kModel), "--pp", "1", "--steps", "2",
                       "--clock", "wall", "--link-tensor", "1ms,1GB/s"});
  ASSERT_EQ(run.wait(), 0) << run.err();
  const Json end = run.events("end").at(0);
  EXPECT_GT(end["links"]["waits"].get<int64_t>(), 0);
  EXPECT_GE(end["links"]["meanLateNs"].get<int64_t>(), 0);
  // 4 layers x 4 micro-batches x 4 collectives of 1 ms latency cannot take less.
  EXPECT_GE(end["stepNs"].get<int64_t>(), 64'000'000);
}

struct Refusal {
  std::vector<std::string> arguments;
  int exitCode;
  std::string words;  // in what is said on stderr
};

void expectRefused(const Folder& folder, const Refusal& refusal) {
  Process run(folder, refusal.arguments);
  EXPECT_EQ(run.wait(), refusal.exitCode) << run.err();
  EXPECT_NE(run.err().find(refusal.words), std::string::npos) << run.err();
  if (refusal.exitCode == 1) {
    const auto errors = run.events("error");
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_NE(errors[0]["message"].get<std::string>().find(refusal.words), std::string::npos)
        << errors[0];
  }
}

TEST(CaracalRun, saysWhatIsWrongWithItsArguments) {
  const Folder folder;
  expectRefused(folder, {{"--bogus"}, 2, "--bogus"});
  expectRefused(folder, {{"--steps", "0"}, 2, "--steps"});
  expectRefused(folder, {{"--plan", "p.json", "--model", "m.json"}, 2, "excludes"});
  expectRefused(folder, {{"--link-tensor", "fast"}, 2, "200us,2GB/s"});
  expectRefused(folder, {{"--clock", "sundial"}, 2, "--clock"});
}

TEST(CaracalRun, saysWhatIsWrongWithItsFiles) {
  const Folder folder;
  const std::string model = folder.write("m.json", kModel);
  expectRefused(folder, {{"--plan", folder.file("no.json")}, 1, "no.json"});
  expectRefused(folder, {{"--plan", folder.write("bad.json", "{\"schema\": ")}, 1, "bad.json"});
  expectRefused(folder, {{"--plan", folder.write("new.json", "{\"schema\": \"caracal.plan/9\"}")},
                         1,
                         "caracal.plan/9"});
  expectRefused(folder, {{"--model", folder.file("nothing.json")}, 1, "nothing.json"});
  expectRefused(folder, {{"--model", model, "--tp", "3"}, 1, "heads"});
  expectRefused(folder, {{"--model", model, "--text", folder.file("no.txt")}, 1, "no.txt"});
  expectRefused(folder,
                {{"--model", model, "--record", "/nonexistent/run.sqlite"}, 1, "/nonexistent"});
  expectRefused(folder, {{"--model", "gpt-22b"}, 1, "bytesPerElement"});
}

TEST(CaracalRun, helpSaysHowToUseIt) {
  const Folder folder;
  Process run(folder, {"--help"});
  EXPECT_EQ(run.wait(), 0);
}

}  // namespace
