#include "tests/profiler/observed_job.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

extern char** environ;

namespace caracal::profiler {
namespace {

namespace fs = std::filesystem;

std::vector<char*> pointersTo(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

ObservedJob::ObservedJob(std::vector<std::string> arguments, const Environment& environment) {
  arguments.insert(arguments.begin(), FAKE_JOB);
  std::vector<std::string> variables;
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  for (char** entry = environ; *entry; ++entry) {
    const std::string text = *entry;
    if (!environment.count(text.substr(0, text.find('=')))) variables.push_back(text);
  }
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  m_output = ends[0];
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  const int error = posix_spawn(&m_pid, FAKE_JOB, &actions, nullptr, pointersTo(arguments).data(),
                                pointersTo(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  EXPECT_EQ(error, 0) << FAKE_JOB;
}

ObservedJob::~ObservedJob() {
  if (m_pid > 0) {
    kill(SIGKILL);
    wait();
  }
  ::close(m_output);
}

std::string ObservedJob::readLine() {
  std::string line;
  for (char c = 0; ::read(m_output, &c, 1) == 1 && c != '\n';) line.push_back(c);
  return line;
}

void ObservedJob::kill(int signal) {
  ::kill(m_pid, signal);
}

int ObservedJob::wait() {
  int status = 0;
  ::waitpid(m_pid, &status, 0);
  m_pid = 0;
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

int64_t Recorded::number(const std::string& sql) const {
  auto database = sqlite::Database::openForReading(file);
  auto rows = database->prepare(sql);
  EXPECT_TRUE(rows) << sql;
  return rows && rows->step().value_or(false) ? rows->integer(0) : -1;
}

std::string Recorded::text(const std::string& sql) const {
  auto database = sqlite::Database::openForReading(file);
  auto rows = database->prepare(sql);
  EXPECT_TRUE(rows) << sql;
  return rows && rows->step().value_or(false) ? std::string(rows->text(0)) : "(no row)";
}

RecorderTest::RecorderTest() {
  static std::atomic<int> count{0};
  m_folder = fs::temp_directory_path() /
             fmt::format("caracal-recorder-test-{}-{}", ::getpid(), count.fetch_add(1));
  fs::create_directories(m_folder);
  m_options.folder = m_folder;
  m_options.session = 42;
  m_options.flushMs = 20;
  m_options.cupti = FAKE_CUPTI;
}

RecorderTest::~RecorderTest() {
  std::error_code ignored;
  fs::remove_all(m_folder, ignored);
}

Environment RecorderTest::environment() const {
  Environment all{{"CUDA_INJECTION64_PATH", INJECTION},
                  {"NVTX_INJECTION64_PATH", INJECTION},
                  {"FAKE_JOB_CUPTI", FAKE_CUPTI}};
  for (const auto& [name, value] : recorder::environmentFor(m_options)) all[name] = value;
  return all;
}

int RecorderTest::run(const std::vector<std::string>& arguments, const Environment& added) const {
  Environment all = environment();
  for (const auto& [name, value] : added) all[name] = value;
  return ObservedJob(arguments, all).wait();
}

std::vector<Recorded> RecorderTest::recorded() const {
  std::vector<Recorded> all;
  for (const auto& entry : fs::directory_iterator(m_folder)) {
    if (entry.path().extension() != recorder::kLogSuffix) continue;
    const std::string target = fs::path(entry.path()).replace_extension(".sqlite");
    auto conversion = recorder::convertLog(entry.path(), target);
    EXPECT_TRUE(conversion) << conversion.error().text();
    if (conversion) all.push_back({target, std::move(*conversion)});
  }
  std::sort(all.begin(), all.end(), [](const Recorded& a, const Recorded& b) {
    return a.conversion.pid < b.conversion.pid;
  });
  return all;
}

Recorded RecorderTest::only() const {
  auto all = recorded();
  EXPECT_EQ(all.size(), 1u);
  return all.empty() ? Recorded{} : std::move(all.front());
}

}  // namespace caracal::profiler
