#include <fmt/ranges.h>

#include "runtime/comm/processes.h"
#include "runtime/comm/tcp_socket.h"

namespace caracal::comm {
namespace {

constexpr std::string_view kHello = "caracal-run/1";
constexpr char kBetweenTexts = '\x1f';  // unit separator: in no text that ranks exchange

// What a rank says when it calls: both sides must mean the same job.
std::string helloOf(const LaunchedRank& self, int32_t rank) {
  return fmt::format("{} job {} of {} ranks: {}", kHello, self.jobId, self.world, rank);
}

std::string joined(const std::vector<std::string>& texts) {
  return fmt::format("{}", fmt::join(texts, std::string(1, kBetweenTexts)));
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t begin = 0;;) {
    const size_t end = text.find(kBetweenTexts, begin);
    parts.push_back(text.substr(begin, end - begin));
    if (end == std::string::npos) return parts;
    begin = end + 1;
  }
}

class TcpPhoneBook final : public PhoneBook {
 public:
  TcpPhoneBook(const LaunchedRank& self, std::chrono::nanoseconds timeout)
      : m_self(self), m_timeout(timeout) {
    rank = self.rank;
  }

  Result<void> open() { return rank == 0 ? answerAll() : callRankZero(); }

  Result<std::vector<std::string>> exchange(const std::string& own) override {
    const Deadline deadline = this->deadline();
    if (rank != 0) {
      CARACAL_CHECK_OK(sendMessage(m_peers[0], own, deadline));
      CARACAL_TRY(all, receiveMessage(m_peers[0], deadline));
      return split(all);
    }
    std::vector<std::string> texts{own};
    for (size_t peer = 1; peer < m_peers.size(); ++peer) {
      CARACAL_TRY(text, receiveMessage(m_peers[peer], deadline));
      texts.push_back(std::move(text));
    }
    const std::string all = joined(texts);
    for (size_t peer = 1; peer < m_peers.size(); ++peer)
      CARACAL_CHECK_OK(sendMessage(m_peers[peer], all, deadline));
    return texts;
  }

 private:
  Deadline deadline() const {
    return std::chrono::steady_clock::now() +
           std::chrono::duration_cast<std::chrono::steady_clock::duration>(m_timeout);
  }

  Result<void> callRankZero() {
    auto socket = callTcp(m_self.address, m_self.port, deadline());
    if (!socket) {
      return fail(socket.error().code,
                  "rank {} does not reach rank 0: {}; check that MASTER_ADDR names the machine of "
                  "rank 0 and that its port is open",
                  rank, socket.error().message);
    }
    CARACAL_CHECK_OK(sendMessage(*socket, helloOf(m_self, rank), deadline()));
    m_peers.push_back(std::move(*socket));
    return {};
  }

  Result<void> answerAll() {
    auto listener = listenOnTcp(m_self.port);
    if (!listener) {
      return fail(ErrorCode::kIo, "rank 0: {}; set MASTER_PORT to a free port on all ranks",
                  listener.error().message);
    }
    m_peers.resize(static_cast<size_t>(m_self.world));
    const Deadline deadline = this->deadline();
    for (int32_t come = 1; come < m_self.world; ++come) {
      auto caller = acceptTcp(*listener, deadline);
      if (!caller) return missing();
      CARACAL_CHECK_OK(takeIn(std::move(*caller), deadline));
    }
    return {};
  }

  Result<void> takeIn(FileDescriptor caller, Deadline deadline) {
    CARACAL_TRY(hello, receiveMessage(caller, deadline));
    for (int32_t peer = 1; peer < m_self.world; ++peer) {
      FileDescriptor& slot = m_peers[static_cast<size_t>(peer)];
      if (slot.isOpen() || hello != helloOf(m_self, peer)) continue;
      slot = std::move(caller);
      return {};
    }
    return fail(ErrorCode::kInvalidInput,
                "rank 0 of {} was called by \"{}\", which is no rank of its job or one that had "
                "called before; give every job a MASTER_PORT of its own",
                m_self.world, hello.substr(0, 80));
  }

  tl::unexpected<Error> missing() const {
    std::vector<size_t> ranks;
    for (size_t peer = 1; peer < m_peers.size(); ++peer)
      if (!m_peers[peer].isOpen()) ranks.push_back(peer);
    const std::chrono::duration<double> seconds = m_timeout;
    return fail(ErrorCode::kIo, "rank {} did not call rank 0 at {}:{} within {:g} s",
                fmt::join(ranks, ", "), m_self.address, m_self.port, seconds.count());
  }

  LaunchedRank m_self;
  std::chrono::nanoseconds m_timeout;
  std::vector<FileDescriptor> m_peers;  // of rank 0, by rank; of the others, rank 0 alone
};

}  // namespace

Result<std::unique_ptr<PhoneBook>> tcpPhoneBook(const LaunchedRank& self,
                                                std::chrono::nanoseconds timeout) {
  auto book = std::make_unique<TcpPhoneBook>(self, timeout);
  CARACAL_CHECK_OK(book->open());
  return book;
}

Result<std::unique_ptr<PhoneBook>> phoneBookFor(const LaunchedRank& self,
                                                std::chrono::nanoseconds timeout) {
  if (self.source == Launcher::kOpenMpi) {
    auto book = mpiPhoneBook();
    if (book || book.error().code != ErrorCode::kUnsupported) return book;
  }
  return tcpPhoneBook(self, timeout);
}

}  // namespace caracal::comm
