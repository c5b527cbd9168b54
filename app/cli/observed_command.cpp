#include "app/cli/observed_command.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "app/cli/interrupt.h"
#include "core/base/system_message.h"

extern char** environ;

namespace caracal::cli {
namespace {

std::vector<char*> pointersTo(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> environmentWith(
    const std::vector<std::pair<std::string, std::string>>& added) {
  std::vector<std::string> all;
  for (const auto& [name, value] : added) all.push_back(name + "=" + value);
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    bool isReplaced = false;
    for (const auto& variable : added) isReplaced = isReplaced || variable.first == name;
    if (!isReplaced) all.emplace_back(text);
  }
  return all;
}

Result<pid_t> start(std::vector<std::string> words, std::vector<std::string> environment) {
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // This process blocks signals (interrupt.h); the command must not inherit that.
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, words[0].c_str(), nullptr, &attributes,
                                 pointersTo(words).data(), pointersTo(environment).data());
  posix_spawnattr_destroy(&attributes);
  if (error == ENOENT) {
    return fail(ErrorCode::kNotFound, "there is no command `{}`: not a file, not on the PATH",
                words[0]);
  }
  if (error != 0)
    return fail(ErrorCode::kIo, "`{}` cannot be started: {}", words[0], systemMessage(error));
  return pid;
}

}  // namespace

Result<CommandStatus> runObserved(const std::vector<std::string>& words,
                                  const std::vector<std::pair<std::string, std::string>>& added) {
  pid_t pid = 0;
  {
    std::atomic<pid_t> child{0};
    std::atomic<int> early{0};  // a signal from before there is a command
    const SignalTakeover takeover([&](int signal, bool isFromTerminal) {
      if (child == 0) {
        early = signal;
      } else if (!isFromTerminal) {
        ::kill(child, signal);
      }
    });
    CARACAL_TRY(started, start(words, environmentWith(added)));
    child = pid = started;
    if (early != 0) ::kill(pid, early);
    // Not reaped here: while signals are passed on, the pid must not become somebody else's.
    siginfo_t info{};
    while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) < 0 &&
           errno == EINTR) {
    }
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  constexpr int kSignalBase = 128;
  if (WIFSIGNALED(status)) return CommandStatus{kSignalBase + WTERMSIG(status), WTERMSIG(status)};
  return CommandStatus{WEXITSTATUS(status), 0};
}

}  // namespace caracal::cli
