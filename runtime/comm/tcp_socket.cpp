#include "runtime/comm/tcp_socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>

namespace caracal::comm {
namespace {

constexpr uint32_t kLongestMessage = 1 << 24;
constexpr std::chrono::milliseconds kBetweenCalls{50};

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

int millisecondsTo(Deadline deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 1'000'000));
}

// Whether the socket became ready for `events` in time.
bool waitFor(int socket, int16_t events, Deadline deadline) {
  for (;;) {
    pollfd waiting{socket, events, 0};
    const int count = ::poll(&waiting, 1, millisecondsTo(deadline));
    if (count < 0 && errno == EINTR) continue;
    return count == 1;
  }
}

tl::unexpected<Error> problem(const char* what) {
  return fail(ErrorCode::kIo, "{}: {}", what, std::strerror(errno));
}

tl::unexpected<Error> late(const char* what) {
  return fail(ErrorCode::kCancelled, "{} did not come in time", what);
}

// Small messages are answers that somebody waits for; a machine that went away shall be noticed.
void setUp(const FileDescriptor& socket) {
  const int on = 1;
  setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  setsockopt(socket.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

Result<Addresses> addressesOf(const std::string& host, int32_t port) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int status = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found);
  if (status == 0) return Addresses(found, freeaddrinfo);
  return fail(ErrorCode::kNotFound, "the network knows no machine \"{}\" ({})", host,
              gai_strerror(status));
}

// Sends or receives all bytes, by `move(data, count)`.
template <class Move>
Result<void> moveAll(const FileDescriptor& socket, int16_t events, char* data, size_t count,
                     Deadline deadline, Move move) {
  while (count > 0) {
    if (!waitFor(socket.get(), events, deadline)) return late("a message");
    const ssize_t moved = move(data, count);
    if (moved < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (moved < 0) return problem("the connection broke");
    if (moved == 0) return fail(ErrorCode::kIo, "the other side closed the connection");
    data += moved;
    count -= static_cast<size_t>(moved);
  }
  return {};
}

Result<void> sendAll(const FileDescriptor& socket, const void* data, size_t count,
                     Deadline deadline) {
  auto* bytes = const_cast<char*>(static_cast<const char*>(data));
  return moveAll(socket, POLLOUT, bytes, count, deadline, [&](const char* from, size_t left) {
    return ::send(socket.get(), from, left, MSG_NOSIGNAL | MSG_DONTWAIT);
  });
}

Result<void> receiveAll(const FileDescriptor& socket, void* data, size_t count, Deadline deadline) {
  return moveAll(
      socket, POLLIN, static_cast<char*>(data), count, deadline,
      [&](char* to, size_t left) { return ::recv(socket.get(), to, left, MSG_DONTWAIT); });
}

}  // namespace

Result<Listener> listenOnTcp(int32_t port) {
  // An IPv6 socket that takes IPv4 callers too; where the kernel has no IPv6, an IPv4 one.
  Listener listener{FileDescriptor(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)), port};
  const bool six = listener.socket.isOpen();
  if (!six) listener.socket = FileDescriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener.socket.isOpen()) return problem("socket");
  const int on = 1;
  const int off = 0;
  setsockopt(listener.socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (six) setsockopt(listener.socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  sockaddr_in6 name6{};
  name6.sin6_family = AF_INET6;
  name6.sin6_port = htons(static_cast<uint16_t>(port));
  sockaddr_in name4{};
  name4.sin_family = AF_INET;
  name4.sin_port = name6.sin6_port;
  const auto* name =
      six ? reinterpret_cast<const sockaddr*>(&name6) : reinterpret_cast<const sockaddr*>(&name4);
  if (::bind(listener.socket.get(), name, six ? sizeof(name6) : sizeof(name4)) != 0 ||
      ::listen(listener.socket.get(), SOMAXCONN) != 0) {
    return fail(ErrorCode::kIo, "port {} cannot be listened on: {}", port, std::strerror(errno));
  }
  sockaddr_in6 bound{};  // the port is at the same place for both
  socklen_t length = sizeof(bound);
  if (getsockname(listener.socket.get(), reinterpret_cast<sockaddr*>(&bound), &length) != 0)
    return problem("getsockname");
  listener.port = ntohs(bound.sin6_port);
  return listener;
}

Result<FileDescriptor> acceptTcp(const Listener& listener, Deadline deadline) {
  if (!waitFor(listener.socket.get(), POLLIN, deadline)) return late("a call");
  FileDescriptor caller(::accept4(listener.socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!caller.isOpen()) return problem("accept");
  setUp(caller);
  return caller;
}

Result<FileDescriptor> callTcp(const std::string& host, int32_t port, Deadline deadline) {
  CARACAL_TRY(addresses, addressesOf(host, port));
  for (;;) {
    for (const addrinfo* a = addresses.get(); a != nullptr; a = a->ai_next) {
      FileDescriptor socket(::socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol));
      if (!socket.isOpen() || ::connect(socket.get(), a->ai_addr, a->ai_addrlen) != 0) continue;
      setUp(socket);
      return socket;
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      return fail(ErrorCode::kIo, "nobody answers at {}:{} ({})", host, port, std::strerror(errno));
    }
    std::this_thread::sleep_for(kBetweenCalls);
  }
}

Result<std::string> ownAddress(const FileDescriptor& socket) {
  sockaddr_storage name{};
  socklen_t length = sizeof(name);
  std::array<char, NI_MAXHOST> text{};
  if (getsockname(socket.get(), reinterpret_cast<sockaddr*>(&name), &length) != 0 ||
      getnameinfo(reinterpret_cast<const sockaddr*>(&name), length, text.data(), text.size(),
                  nullptr, 0, NI_NUMERICHOST) != 0)
    return problem("this machine's address");
  return std::string(text.data());
}

Result<void> sendMessage(const FileDescriptor& socket, const std::string& text, Deadline deadline) {
  const uint32_t length = htonl(static_cast<uint32_t>(text.size()));
  CARACAL_CHECK_OK(sendAll(socket, &length, sizeof(length), deadline));
  return sendAll(socket, text.data(), text.size(), deadline);
}

Result<std::string> receiveMessage(const FileDescriptor& socket, Deadline deadline) {
  uint32_t length = 0;
  CARACAL_CHECK_OK(receiveAll(socket, &length, sizeof(length), deadline));
  length = ntohl(length);
  if (length > kLongestMessage) return fail(ErrorCode::kIo, "the caller is no rank of Caracal");
  std::string text(length, '\0');
  CARACAL_CHECK_OK(receiveAll(socket, text.data(), text.size(), deadline));
  return text;
}

}  // namespace caracal::comm
