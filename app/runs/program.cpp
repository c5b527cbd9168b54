#include "app/runs/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <system_error>

#include "core/base/system_message.h"

extern char** environ;

namespace caracal::runs {
namespace {

namespace fs = std::filesystem;

bool isProgram(const fs::path& path) {
  return ::access(path.c_str(), X_OK) == 0 && fs::is_regular_file(path);
}

// The two ends of a pipe; each is closed once.
struct Pipe {
  Pipe() = default;
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    closeEnd(0);
    closeEnd(1);
  }
  void closeEnd(size_t end) {
    if (ends[end] >= 0) ::close(ends[end]);
    ends[end] = -1;
  }
  std::array<int, 2> ends{-1, -1};
};

std::vector<char*> pointersTo(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> environmentOf(const ProgramCall& call) {
  std::vector<std::string> all = call.environment;
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text = *entry;
    const std::string_view key = text.substr(0, text.find('=') + 1);
    bool replaced = false;
    for (const std::string& added : call.environment)
      replaced = replaced || added.rfind(key, 0) == 0;
    if (!replaced) all.emplace_back(text);
  }
  return all;
}

// Starts the program with its standard output on `output`. This process blocks SIGINT and SIGTERM
// in all its threads (interrupt.h); the child must not inherit that, and sits in a group of its own
// so that a Ctrl-C on the terminal reaches it once, through runProgram().
Result<pid_t> start(const ProgramCall& call, Pipe& output) {
  std::vector<std::string> arguments = call.arguments;
  arguments.insert(arguments.begin(), call.path);
  std::vector<std::string> environment = environmentOf(call);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output.ends[1], STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, call.path.c_str(), &actions, &attributes,
                                pointersTo(arguments).data(), pointersTo(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0)
    return fail(ErrorCode::kIo, "{} could not be started: {}", call.path, systemMessage(error));
  return pid;
}

// A stop request on its way to the program: SIGINT at the first look, SIGKILL when the grace is
// over.
class Interruption {
 public:
  Interruption(pid_t pid, std::optional<std::chrono::milliseconds> grace)
      : m_pid(pid), m_grace(grace) {}
  void look() {
    const auto now = std::chrono::steady_clock::now();
    if (!m_interrupted) {
      m_interrupted = true;
      m_since = now;
      ::kill(m_pid, SIGINT);
    }
    if (!m_grace || m_killed || now - m_since < *m_grace) return;
    m_killed = true;
    ::kill(m_pid, SIGKILL);
  }

 private:
  pid_t m_pid;
  std::optional<std::chrono::milliseconds> m_grace;
  std::chrono::steady_clock::time_point m_since;  // of the interruption
  bool m_interrupted = false;
  bool m_killed = false;
};

// Splits what arrives into lines until the other side closes its end.
void readLines(int descriptor, pid_t pid, const ProgramCall& call,
               const std::function<void(std::string_view)>& line, const std::stop_token& stop) {
  constexpr int kPollMs = 50;
  std::string pending;
  std::array<char, 4096> buffer{};
  Interruption interruption(pid, call.grace);
  for (;;) {
    if (stop.stop_requested()) interruption.look();
    pollfd waiting{descriptor, POLLIN, 0};
    if (::poll(&waiting, 1, kPollMs) <= 0) continue;
    const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    pending.append(buffer.data(), static_cast<size_t>(count));
    for (size_t end; (end = pending.find('\n')) != std::string::npos; pending.erase(0, end + 1)) {
      line(std::string_view(pending).substr(0, end));
    }
  }
  if (!pending.empty()) line(pending);
}

}  // namespace

Result<std::string> findProgram(const std::string& name) {
  std::error_code ignored;
  const fs::path beside = fs::read_symlink("/proc/self/exe", ignored).parent_path() / name;
  if (isProgram(beside)) return beside.string();
  const char* searched = std::getenv("PATH");
  std::istringstream folders(searched ? searched : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (isProgram(fs::path(folder) / name)) return (fs::path(folder) / name).string();
  }
  return fail(ErrorCode::kNotFound,
              "{} is neither beside this program ({}) nor on the PATH; ./dev build makes it", name,
              beside.parent_path().string());
}

Result<int> runProgram(const ProgramCall& call, const std::function<void(std::string_view)>& line,
                       std::stop_token stop) {
  Pipe output;
  if (::pipe2(output.ends.data(), O_CLOEXEC) != 0) {
    return fail(ErrorCode::kIo, "no pipe to {}: {}", call.path, systemMessage(errno));
  }
  CARACAL_TRY(pid, start(call, output));
  output.closeEnd(1);
  readLines(output.ends[0], pid, call, line, stop);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) {
    return fail(ErrorCode::kIo, "{} was ended by signal {} ({})",
                fs::path(call.path).filename().string(), WTERMSIG(status),
                strsignal(WTERMSIG(status)));
  }
  return WEXITSTATUS(status);
}

}  // namespace caracal::runs
