#include "runtime/comm/socket_wire.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace caracal::comm {
namespace {

constexpr uint32_t kControlPort = 0;
enum class Control : int64_t { kDone, kFailure, kBeat };

constexpr std::chrono::milliseconds kFarewell{200};  // for one rank to take the last words
constexpr std::chrono::seconds kLinger{2};           // for all others to be done
constexpr int kPollMs = 100;                         // between looks at clock and stop token
constexpr std::chrono::seconds kBeat{1};             // between signs of life, at most

// What travels in front of a parcel's body.
struct Head {
  uint64_t bodyBytes = 0;
  uint64_t port = 0;
  std::array<int64_t, 6> head{};
};
static_assert(sizeof(Head) % alignof(double) == 0, "bodies are read where they arrive");

Head headOf(const Bytes& message) {
  Head head;
  std::memcpy(&head, message.data(), sizeof(head));
  return head;
}

// False when the other side takes no more: errno says why.
bool sendAll(int socket, std::array<iovec, 2> parts) {
  size_t next = 0;
  while (next < parts.size()) {
    if (parts[next].iov_len == 0) {
      ++next;
      continue;
    }
    msghdr message{};
    message.msg_iov = &parts[next];
    message.msg_iovlen = parts.size() - next;
    ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    for (; next < parts.size() && sent >= static_cast<ssize_t>(parts[next].iov_len); ++next)
      sent -= static_cast<ssize_t>(parts[next].iov_len);
    if (next == parts.size()) break;
    parts[next].iov_base = static_cast<char*>(parts[next].iov_base) + sent;
    parts[next].iov_len -= static_cast<size_t>(sent);
  }
  return true;
}

}  // namespace

SocketWire::SocketWire(int32_t rank, std::vector<FileDescriptor> sockets,
                       std::chrono::nanoseconds timeout)
    : m_rank(rank), m_timeout(timeout) {
  for (FileDescriptor& socket : sockets) {
    if (!socket.isOpen()) {
      m_peers.push_back(nullptr);
      continue;
    }
    auto& peer = m_peers.emplace_back(std::make_unique<Peer>());
    peer->socket = std::move(socket);
    peer->partial.resize(sizeof(Head));
  }
  setSendTimeout(timeout);
}

SocketWire::~SocketWire() {
  finish();
}

void SocketWire::finish() {
  if (!m_thread.joinable()) return;
  setSendTimeout(kFarewell);
  for (size_t rank = 0; rank < m_peers.size(); ++rank) {
    if (m_peers[rank] == nullptr) continue;
    post(static_cast<int32_t>(rank), {kControlPort, {static_cast<int64_t>(Control::kDone)}, {}});
  }
  // A launcher ends the others as soon as one process ends badly; they shall know why by then.
  const auto deadline = Clock::now() + kLinger;
  const auto allDone = [&] {
    for (const auto& peer : m_peers)
      if (peer != nullptr && peer->isOpen && !peer->isDone) return false;
    return true;
  };
  while (!allDone() && Clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  m_thread.request_stop();
  m_thread.join();
}

void SocketWire::setSendTimeout(std::chrono::nanoseconds timeout) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(timeout).count();
  const timeval limit{us / 1'000'000, us % 1'000'000};
  for (const auto& peer : m_peers) {
    if (peer != nullptr)
      setsockopt(peer->socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  }
}

void SocketWire::listen(uint32_t port, Receiver receiver) {
  m_receivers[port] = std::move(receiver);
}

void SocketWire::start(Monitor& monitor) {
  m_monitor = &monitor;
  m_thread = std::jthread([this](const std::stop_token& stop) { receiveAll(stop); });
}

void SocketWire::post(int32_t to, const Parcel& parcel) {
  Peer& peer = *m_peers[static_cast<size_t>(to)];
  Head head{parcel.body.size(), parcel.port, parcel.head};
  const std::lock_guard sending(peer.sending);
  if (peer.refuses) return;
  const std::array<iovec, 2> parts{
      {{&head, sizeof(head)}, {const_cast<std::byte*>(parcel.body.data()), parcel.body.size()}}};
  if (sendAll(peer.socket.get(), parts)) return;
  peer.refuses = true;  // part of a parcel may be on its way
  // How a closed connection came about is for the reader to find out: the peer may have said why.
  if (errno == EPIPE || errno == ECONNRESET) return;
  const std::chrono::duration<double> seconds = m_timeout;
  lose(to, errno == EAGAIN ? fmt::format("takes nothing for {:g} s", seconds.count())
                           : fmt::format("cannot be sent to: {}", std::strerror(errno)));
}

void SocketWire::tellFailure(const Error& reason) {
  setSendTimeout(kFarewell);
  const std::string text = reason.text();
  for (size_t rank = 0; rank < m_peers.size(); ++rank) {
    if (m_peers[rank] == nullptr) continue;
    post(static_cast<int32_t>(rank),
         {kControlPort,
          {static_cast<int64_t>(Control::kFailure), static_cast<int64_t>(reason.code)},
          std::as_bytes(std::span(text))});
  }
}

bool SocketWire::isLowest() const {
  for (int32_t rank = 0; rank < m_rank; ++rank) {
    const Peer& peer = *m_peers[static_cast<size_t>(rank)];
    if (peer.isOpen || peer.isDone) return false;
  }
  return true;
}

// Tells all others that this process lives, and finds those that have not told for long: somewhat
// less than the link timeout, so that a process that stands still is named before those that wait
// for it, and others for them.
void SocketWire::beat() {
  for (size_t rank = 0; rank < m_peers.size(); ++rank) {
    if (m_peers[rank] == nullptr) continue;
    Peer& peer = *m_peers[rank];
    if (peer.isOpen && !peer.isDone && Clock::now() - peer.lastHeard > m_timeout * 3 / 4) {
      const std::chrono::duration<double> seconds = m_timeout * 3 / 4;
      lose(static_cast<int32_t>(rank),
           fmt::format("stands still: nothing was heard of its process for {:g} s",
                       seconds.count()));
    }
    const std::unique_lock sending(peer.sending, std::try_to_lock);
    if (!sending || peer.refuses) continue;  // what is being sent is a sign of life as well
    pollfd room{peer.socket.get(), POLLOUT, 0};
    if (::poll(&room, 1, 0) != 1 || (room.revents & POLLOUT) == 0) continue;
    Head head{0, kControlPort, {static_cast<int64_t>(Control::kBeat)}};
    peer.refuses = !sendAll(peer.socket.get(), {{{&head, sizeof(head)}, {nullptr, 0}}});
  }
}

void SocketWire::receiveAll(const std::stop_token& stop) {
  for (const auto& peer : m_peers)
    if (peer != nullptr) peer->lastHeard = Clock::now();
  const auto interval = std::min<Clock::duration>(kBeat, m_timeout / 8);
  auto nextBeat = Clock::now();
  while (!stop.stop_requested()) {
    if (Clock::now() >= nextBeat) {
      beat();
      nextBeat = Clock::now() + interval;
    }
    std::vector<pollfd> waiting;
    std::vector<int32_t> ranks;
    for (size_t rank = 0; rank < m_peers.size(); ++rank) {
      if (m_peers[rank] == nullptr || !m_peers[rank]->isOpen) continue;
      waiting.push_back({m_peers[rank]->socket.get(), POLLIN, 0});
      ranks.push_back(static_cast<int32_t>(rank));
    }
    if (::poll(waiting.data(), waiting.size(), kPollMs) <= 0) continue;
    for (size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].revents != 0) receiveFrom(ranks[i]);
    }
  }
}

// Takes what has come, without waiting for more.
void SocketWire::receiveFrom(int32_t rank) {
  Peer& peer = *m_peers[static_cast<size_t>(rank)];
  for (;;) {
    const ssize_t count = recv(peer.socket.get(), peer.partial.data() + peer.filled,
                               peer.partial.size() - peer.filled, MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
      peer.isOpen = false;
      if (!peer.isDone) lose(rank, "is gone: its process ended without a word");
      return;
    }
    peer.filled += static_cast<size_t>(count);
    peer.lastHeard = Clock::now();
    if (peer.filled < peer.partial.size()) continue;
    const size_t whole = sizeof(Head) + headOf(peer.partial).bodyBytes;
    if (peer.filled < whole) {
      peer.partial.resize(whole);
      continue;
    }
    dispatch(rank, peer.partial);
    peer.partial.resize(sizeof(Head));
    peer.filled = 0;
  }
}

void SocketWire::dispatch(int32_t from, const Bytes& message) {
  const Head head = headOf(message);
  const Parcel parcel{static_cast<uint32_t>(head.port), head.head,
                      std::span(message).subspan(sizeof(Head))};
  if (parcel.port == kControlPort) return control(from, parcel);
  const auto receiver = m_receivers.find(parcel.port);
  if (receiver != m_receivers.end()) receiver->second(from, parcel);
}

void SocketWire::control(int32_t from, const Parcel& parcel) {
  const auto what = static_cast<Control>(parcel.head[0]);
  if (what == Control::kDone) m_peers[static_cast<size_t>(from)]->isDone = true;
  if (what != Control::kFailure) return;
  const auto* text = reinterpret_cast<const char*>(parcel.body.data());
  m_monitor->fail(
      {static_cast<ErrorCode>(parcel.head[1]), std::string(text, parcel.body.size()), {}});
}

void SocketWire::lose(int32_t rank, const std::string& how) {
  if (m_monitor == nullptr) return;
  m_monitor->fail({ErrorCode::kIo, fmt::format("rank {} {}; the run cannot go on", rank, how), {}});
}

}  // namespace caracal::comm
