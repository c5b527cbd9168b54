#include "runtime/comm/processes.h"

#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>
#include <random>

#include "core/base/files.h"
#include "runtime/comm/clock.h"
#include "runtime/comm/tcp_socket.h"

namespace caracal::comm {
namespace {

// What the ranks tell each other, a line each.
struct Introduction {
  std::string run;      // what is trained, and how
  std::string machine;  // the boot id of its kernel
  int64_t nowNs = 0;    // of CLOCK_MONOTONIC
  std::string name;     // of the socket that it listens on, and of the token's file for rank 0's
  std::string address;  // where its TCP socket is; empty: it has none
  int32_t port = 0;

  std::string text() const {
    return fmt::format("{}\n{}\n{}\n{}\n{}\n{}", run, machine, nowNs, name, address, port);
  }
};

Introduction introductionFrom(const std::string& text) {
  std::array<std::string, 6> lines;
  size_t begin = 0;
  for (std::string& line : lines) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    line = text.substr(begin, end - begin);
    begin = std::min(end + 1, text.size());
  }
  return {lines[0], lines[1], std::strtoll(lines[2].c_str(), nullptr, 10),
          lines[3], lines[4], std::atoi(lines[5].c_str())};
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

Result<FileDescriptor> callHere(const std::string& name) {
  CARACAL_TRY(socket, newSocket());
  const Address address = addressOf(name);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address.name), address.length) !=
      0)
    return systemError("connect");
  return std::move(socket);
}

Result<void> checkAgreement(const std::vector<Introduction>& all, Reach reach) {
  for (size_t rank = 1; rank < all.size(); ++rank) {
    if (all[rank].machine != all[0].machine && reach == Reach::kOneMachine) {
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

bool areOnOneMachine(const std::vector<Introduction>& all) {
  return std::all_of(all.begin(), all.end(),
                     [&](const Introduction& one) { return one.machine == all[0].machine; });
}

// Where a rank is called: by a name on its machine, by TCP where ranks may be on several.
struct Doors {
  FileDescriptor here;
  Listener network;
};

// Lower ranks are called, higher ones call and say who they are.
class Switchboard {
 public:
  Switchboard(const std::vector<Introduction>& all, int32_t self, const Doors& doors,
              std::chrono::nanoseconds timeout)
      : m_all(all),
        m_self(self),
        m_doors(doors),
        m_here(areOnOneMachine(all)),
        m_deadline(std::chrono::steady_clock::now() +
                   std::chrono::duration_cast<std::chrono::steady_clock::duration>(timeout)) {}

  Result<std::vector<FileDescriptor>> connectAll() const {
    std::vector<FileDescriptor> sockets(m_all.size());
    for (int32_t rank = 0; rank < m_self; ++rank) {
      CARACAL_TRY(socket, call(m_all[static_cast<size_t>(rank)]));
      CARACAL_CHECK_OK(sendMessage(socket, std::to_string(m_self), m_deadline));
      sockets[static_cast<size_t>(rank)] = std::move(socket);
    }
    for (size_t rank = static_cast<size_t>(m_self) + 1; rank < m_all.size(); ++rank) {
      CARACAL_TRY(socket, answer());
      CARACAL_TRY(name, receiveMessage(socket, m_deadline));
      const int32_t caller = std::atoi(name.c_str());
      const auto who = static_cast<size_t>(caller);
      if (caller <= m_self || who >= sockets.size() || sockets[who].isOpen())
        return fail(ErrorCode::kIo, "rank {} was called by somebody who is no rank", m_self);
      sockets[who] = std::move(socket);
    }
    return sockets;
  }

  // CLOCK_MONOTONIC of this rank's machine when it was `nanoseconds` on rank 0's: by the quickest
  // of some questions, whose answer was made halfway between question and arrival.
  Result<int64_t> onOwnClock(int64_t nanoseconds,
                             const std::vector<FileDescriptor>& sockets) const {
    constexpr int kQuestions = 16;
    if (m_here) return nanoseconds;
    if (m_self == 0) {
      for (size_t rank = 1; rank < sockets.size(); ++rank) {
        for (int i = 0; i < kQuestions; ++i) {
          CARACAL_CHECK_OK(receiveMessage(sockets[rank], m_deadline));
          CARACAL_CHECK_OK(sendMessage(sockets[rank], std::to_string(monotonicNs()), m_deadline));
        }
      }
      return nanoseconds;
    }
    int64_t quickest = std::numeric_limits<int64_t>::max();
    int64_t ahead = 0;  // of rank 0's clock
    for (int i = 0; i < kQuestions; ++i) {
      const int64_t begin = monotonicNs();
      CARACAL_CHECK_OK(sendMessage(sockets[0], "?", m_deadline));
      CARACAL_TRY(text, receiveMessage(sockets[0], m_deadline));
      const int64_t end = monotonicNs();
      if (end - begin >= quickest) continue;
      quickest = end - begin;
      ahead = begin + quickest / 2 - std::strtoll(text.c_str(), nullptr, 10);
    }
    return nanoseconds + ahead;
  }

 private:
  Result<FileDescriptor> call(const Introduction& other) const {
    return m_here ? callHere(other.name) : callTcp(other.address, other.port, m_deadline);
  }
  Result<FileDescriptor> answer() const {
    if (!m_here) return acceptTcp(m_doors.network, m_deadline);
    FileDescriptor caller(::accept4(m_doors.here.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!caller.isOpen()) return systemError("accept");
    return caller;
  }

  const std::vector<Introduction>& m_all;
  int32_t m_self;
  const Doors& m_doors;
  bool m_here;
  Deadline m_deadline;
};

// The numeric address that the way to `host` begins at: no packet is sent for it.
Result<std::string> addressTowards(const std::string& host) {
  constexpr const char* kAnyPort = "9";
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), kAnyPort, &wanted, &found) != 0) {
    return fail(ErrorCode::kNotFound, "the network knows no machine \"{}\"; check MASTER_ADDR",
                host);
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, freeaddrinfo);
  const FileDescriptor socket(
      ::socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, found->ai_protocol));
  if (!socket.isOpen() || ::connect(socket.get(), found->ai_addr, found->ai_addrlen) != 0)
    return systemError("the way to rank 0");
  return ownAddress(socket);
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

Result<Processes> joinProcesses(PhoneBook& book, const Meeting& meeting) {
  constexpr size_t kMostWaiting = 4096;  // callers; the kernel takes less when it wants
  Introduction own{meeting.run, meeting.machine, monotonicNs(), randomName()};
  if (own.machine.empty()) {
    CARACAL_TRY(bootId, readTextFile("/proc/sys/kernel/random/boot_id"));
    own.machine = bootId.substr(0, bootId.find('\n'));
  }
  Doors doors;
  CARACAL_TRY(listening, listenAs(own.name, kMostWaiting));
  doors.here = std::move(listening);
  if (meeting.reach == Reach::kNetwork) {
    CARACAL_TRY(network, listenOnTcp(0));
    doors.network = std::move(network);
    CARACAL_TRY(address, addressTowards(meeting.rankZero));
    own.address = address;
    own.port = doors.network.port;
  }
  CARACAL_TRY(texts, book.exchange(own.text()));
  std::vector<Introduction> all;
  for (const std::string& text : texts) all.push_back(introductionFrom(text));
  CARACAL_CHECK_OK(checkAgreement(all, meeting.reach));

  Processes processes;
  CARACAL_TRY(token, openToken(all[0].name));
  processes.tokenFile = std::move(token);
  const Switchboard switchboard(all, book.rank, doors, meeting.linkTimeout);
  CARACAL_TRY(sockets, switchboard.connectAll());
  CARACAL_TRY(origin, switchboard.onOwnClock(all[0].nowNs, sockets));
  processes.originNs = origin;
  // Everybody has opened the token's file when everybody has come here.
  CARACAL_CHECK_OK(book.exchange(""));
  std::error_code ignored;  // on another machine than rank 0's it is this rank's own
  std::filesystem::remove(std::filesystem::temp_directory_path() / all[0].name, ignored);
  processes.wire = std::make_unique<SocketWire>(book.rank, std::move(sockets), meeting.linkTimeout);
  return processes;
}

}  // namespace caracal::comm
