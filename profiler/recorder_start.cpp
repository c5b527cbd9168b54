// How a recording begins, and what fork() and exit() mean for it.
#include <pthread.h>
#include <signal.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "core/recorder/launcher.h"
#include "profiler/clock.h"
#include "profiler/recorder.h"

namespace caracal::profiler {
namespace {

using recorder::RecordKind;

std::mutex g_startMutex;  // guards the two below; held around fork()
bool g_wasTried = false;
bool g_hasHandlers = false;

std::string hostName() {
  utsname names{};
  return ::uname(&names) == 0 ? names.nodename : "host";
}

std::string firstLine(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// The command line with blanks between its words.
std::string commandLine() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  while (!text.empty() && text.back() == '\0') text.pop_back();
  for (char& c : text) c = c == '\0' ? ' ' : c;
  return text;
}

void addFact(RecordBuffer& out, const std::string& key, const std::string& value) {
  const std::string text = key + "=" + value;
  auto& record = out.add<recorder::FactRecord>(RecordKind::kFact, text.size());
  record.textBytes = static_cast<uint32_t>(text.size());
  copyBehind(record, 0, text);
}

// What the launcher said, under its own names: core reads it as launchOf() does.
void addLauncherFacts(RecordBuffer& out) {
  recorder::launchOf([&](const char* name) -> const char* {
    const char* const value = std::getenv(name);
    if (value) addFact(out, std::string("env.") + name, value);
    return value;
  });
}

}  // namespace

bool Recorder::openLog() {
  const std::string host = hostName();
  const recorder::Launch launch =
      recorder::launchOf([](const char* name) { return std::getenv(name); });
  const std::string rank = launch.rank >= 0 ? "rank" + std::to_string(launch.rank) + "-" : "";
  const std::string stem =
      m_options.folder + "/" + rank + host + "-pid" + std::to_string(::getpid());
  // A forked child that becomes another program keeps its pid, and records again.
  constexpr int kMostProgramsOfOnePid = 100;
  int error = EEXIST;
  for (int i = 0; error == EEXIST && i < kMostProgramsOfOnePid; ++i) {
    const std::string suffix = i == 0 ? "" : "-" + std::to_string(i);
    error = m_log.create(stem + suffix + recorder::kLogSuffix, ::getpid(), m_options.session);
  }
  if (error == 0) return true;
  std::fprintf(stderr, "caracal: nothing is recorded: %s: %s\n", m_options.folder.c_str(),
               std::strerror(error));
  return false;
}

void Recorder::writeStart() {
  RecordBuffer records;
  addFact(records, "host", hostName());
  addFact(records, "bootId", firstLine("/proc/sys/kernel/random/boot_id"));
  addFact(records, "command", commandLine());
  addFact(records, "kinds", recorder::kindsText(m_options.kinds));
  addLauncherFacts(records);
  addAnchor(records);
  append(0, records);
}

void Recorder::startWriter() {
  // The program's signals are for its own threads; a disk quota must not raise SIGXFSZ here.
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread([this] { write(); }).detach();
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Recorder* Recorder::startOnce() noexcept try {
  const std::lock_guard lock(g_startMutex);
  if (std::exchange(g_wasTried, true)) return current();
  auto options = recorder::optionsFrom([](const char* name) { return std::getenv(name); });
  if (!options) return nullptr;
  auto* const recorder = new Recorder(std::move(*options));  // never destroyed
  recorder->m_startNs = nowNs();
  recorder->m_isCollecting = !recorder->m_options.steps.has_value();
  if (!recorder->openLog()) return nullptr;
  recorder->writeStart();
  recorder->startWriter();
  s_current.store(recorder, std::memory_order_release);
  if (!std::exchange(g_hasHandlers, true)) {
    ::pthread_atfork(&prepareFork, &afterForkInParent, &afterForkInChild);
    std::atexit(&atExit);
  }
  return recorder;
} catch (...) {
  return nullptr;
}

void Recorder::atExit() noexcept {
  if (Recorder* const recorder = current()) recorder->stop();
}

void Recorder::prepareFork() noexcept {
  g_startMutex.lock();
  NvtxNames::instance().lock();
}

void Recorder::afterForkInParent() noexcept {
  NvtxNames::instance().unlock();
  g_startMutex.unlock();
}

// Only what is safe in a child of a process with threads: the parent's recorder is left as it is,
// its locks in whatever state they are.
void Recorder::afterForkInChild() noexcept {
  if (Recorder* const parents = s_current.exchange(nullptr)) parents->m_log.abandon();
  CuptiSession::forget();
  RangeLog::forgetThisThread();
  g_wasTried = false;
  afterForkInParent();
}

}  // namespace caracal::profiler
