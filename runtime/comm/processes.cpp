#include "runtime/comm/processes.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <random>

#include "core/base/files.h"
#include "runtime/comm/clock.h"

namespace caracal::comm {
namespace {

// What the ranks tell each other, a line each.
struct Introduction {
  std::string run;      // what is trained, and how
  std::string machine;  // the boot id of its kernel
  int64_t nowNs = 0;    // of CLOCK_MONOTONIC
  std::string name;     // of the socket that it listens on, and of the token's file for rank 0's

  std::string text() const { return fmt::format("{}\n{}\n{}\n{}", run, machine, nowNs, name); }
};

Introduction introductionFrom(const std::string& text) {
  std::array<std::string, 4> lines;
  size_t begin = 0;
  for (std::string& line : lines) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    line = text.substr(begin, end - begin);
    begin = std::min(end + 1, text.size());
  }
  return {lines[0], lines[1], std::strtoll(lines[2].c_str(), nullptr, 10), lines[3]};
}

// 128 random bits: nobody else on the machine can guess the name.
std::string randomName() {
  std::random_device random;
  std::string name = "caracal-run-";
  for (int i = 0; i < 4; ++i) name += fmt::format("{:08x}", random());
  return name;
}

tl::unexpected<Error> systemError(const char* what) {
  return fail(ErrorCode::kIo, "ranks cannot be connected: {}: {}", what, std::strerror(errno));
}

struct Address {
  sockaddr_un name{};
  socklen_t length = 0;
};

// In Linux's abstract namespace: no file to be left behind.
Address addressOf(const std::string& name) {
  Address address;
  address.name.sun_family = AF_UNIX;
  std::memcpy(address.name.sun_path + 1, name.data(), name.size());
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return address;
}

Result<FileDescriptor> newSocket() {
  FileDescriptor made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!made.isOpen()) return systemError("socket");
  return made;
}

Result<FileDescriptor> listenAs(const std::string& name, size_t ranks) {
  CARACAL_TRY(listening, newSocket());
  const Address address = addressOf(name);
  if (::bind(listening.get(), reinterpret_cast<const sockaddr*>(&address.name), address.length) !=
          0 ||
      ::listen(listening.get(), static_cast<int>(ranks)) != 0)
    return systemError("listen");
  return std::move(listening);
}

// Calls a rank and says who calls.
Result<FileDescriptor> call(const std::string& name, int32_t self) {
  CARACAL_TRY(socket, newSocket());
  const Address address = addressOf(name);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address.name), address.length) !=
          0 ||
      ::send(socket.get(), &self, sizeof(self), MSG_NOSIGNAL) != sizeof(self))
    return systemError("connect");
  return std::move(socket);
}

struct Caller {
  int32_t rank = -1;
  FileDescriptor socket;
};

Result<Caller> answer(int listening) {
  Caller caller;
  caller.socket = FileDescriptor(::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC));
  if (!caller.socket.isOpen()) return systemError("accept");
  if (::recv(caller.socket.get(), &caller.rank, sizeof(caller.rank), MSG_WAITALL) !=
      sizeof(caller.rank))
    return systemError("recv");
  return caller;
}

Result<void> checkAgreement(const std::vector<Introduction>& all) {
  for (size_t rank = 1; rank < all.size(); ++rank) {
    if (all[rank].machine != all[0].machine) {
      return fail(ErrorCode::kUnsupported,
                  "rank {} is on another machine than rank 0, and their clocks differ; start all "
                  "ranks of the CPU backend on one machine",
                  rank);
    }
    if (all[rank].run != all[0].run) {
      return fail(ErrorCode::kInvalidInput,
                  "rank {} was started with another plan, model or options than rank 0; give all "
                  "ranks the same command line and files",
                  rank);
    }
  }
  return {};
}

// Lower ranks are called, higher ones call.
Result<std::vector<FileDescriptor>> connectAll(const std::vector<Introduction>& all, int32_t self,
                                               int listening) {
  std::vector<FileDescriptor> sockets(all.size());
  for (int32_t rank = 0; rank < self; ++rank) {
    CARACAL_TRY(socket, call(all[static_cast<size_t>(rank)].name, self));
    sockets[static_cast<size_t>(rank)] = std::move(socket);
  }
  for (size_t rank = static_cast<size_t>(self) + 1; rank < all.size(); ++rank) {
    CARACAL_TRY(caller, answer(listening));
    const auto who = static_cast<size_t>(caller.rank);
    if (caller.rank <= self || who >= sockets.size() || sockets[who].isOpen())
      return fail(ErrorCode::kIo, "rank {} was called by somebody who is no rank", self);
    sockets[who] = std::move(caller.socket);
  }
  return sockets;
}

Result<FileDescriptor> openToken(const std::string& name) {
  const auto path = std::filesystem::temp_directory_path() / name;
  FileDescriptor token(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  if (!token.isOpen()) {
    return fail(ErrorCode::kIo, "{} cannot be made, which ranks on a virtual clock need: {}",
                path.string(), std::strerror(errno));
  }
  return token;
}

}  // namespace

Result<Processes> joinProcesses(PhoneBook& book, const std::string& run,
                                std::chrono::nanoseconds linkTimeout) {
  constexpr size_t kMostWaiting = 4096;  // callers; the kernel takes less when it wants
  Introduction own{run, {}, monotonicNs(), randomName()};
  CARACAL_TRY(bootId, readTextFile("/proc/sys/kernel/random/boot_id"));
  own.machine = bootId.substr(0, bootId.find('\n'));
  CARACAL_TRY(listening, listenAs(own.name, kMostWaiting));
  CARACAL_TRY(texts, book.exchange(own.text()));
  std::vector<Introduction> all;
  for (const std::string& text : texts) all.push_back(introductionFrom(text));
  CARACAL_CHECK_OK(checkAgreement(all));

  Processes processes;
  processes.originNs = all[0].nowNs;
  CARACAL_TRY(token, openToken(all[0].name));
  processes.tokenFile = std::move(token);
  CARACAL_TRY(sockets, connectAll(all, book.rank, listening.get()));
  // Everybody has opened the token's file when everybody has come here.
  CARACAL_CHECK_OK(book.exchange(""));
  if (book.rank == 0) std::filesystem::remove(std::filesystem::temp_directory_path() / all[0].name);
  processes.wire = std::make_unique<SocketWire>(book.rank, std::move(sockets), linkTimeout);
  return processes;
}

}  // namespace caracal::comm
