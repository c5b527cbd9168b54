#include "runtime/cuda/nccl_watch.h"

#include <fmt/ranges.h>

namespace caracal::cuda {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{50};
constexpr std::chrono::seconds kForTheMissing{1};

}  // namespace

void NcclWatch::start(std::vector<NcclCommunicator*> communicators) {
  m_communicators = std::move(communicators);
  m_thread = std::jthread([this](const std::stop_token& stop) { watch(stop); });
}

bool NcclWatch::stop() {
  if (!m_thread.joinable()) return false;
  m_thread.request_stop();
  m_thread.join();
  if (m_aborted || !m_monitor.check()) return false;
  const std::lock_guard lock(m_mutex);
  for (const auto& [communicator, watched] : m_watched) {
    for (const Operation& operation : watched.underWay)
      if (cudaEventQuery(operation.end.get()) != cudaSuccess) return false;
  }
  return true;
}

void NcclWatch::note(const NcclCommunicator& communicator, const char* what, const Event& begin,
                     const Event& end) {
  const std::lock_guard lock(m_mutex);
  Watched& watched = m_watched[&communicator];
  watched.underWay.push_back({what, ++watched.enqueued, begin, end, {}});
}

void NcclWatch::watch(const std::stop_token& stop) {
  cudaSetDevice(m_device);  // else the first call would set up another GPU for this thread
  while (!stop.stop_requested()) {
    if (auto looked = look(); !looked)
      m_monitor.fail(at(looked.error(), fmt::format("rank {}", m_rank)));
    if (!m_monitor.check() && !gpuIsStuck) {
      NcclCommunicator::abort(m_communicators);
      m_aborted = true;
      return;
    }
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

Result<void> NcclWatch::look() {
  for (NcclCommunicator* communicator : m_communicators)
    CARACAL_CHECK_OK(communicator->checkInBackground());
  const std::lock_guard lock(m_mutex);
  for (auto& [communicator, watched] : m_watched) CARACAL_CHECK_OK(look(*communicator, watched));
  return {};
}

Result<void> NcclWatch::look(const NcclCommunicator& communicator, Watched& watched) {
  std::deque<Operation>& underWay = watched.underWay;
  while (!underWay.empty() && cudaEventQuery(underWay.front().end.get()) == cudaSuccess) {
    watched.begun = underWay.front().number;
    underWay.pop_front();
  }
  if (!underWay.empty() && cudaEventQuery(underWay.front().begin.get()) == cudaSuccess) {
    Operation& first = underWay.front();
    watched.begun = first.number;
    if (first.begunAt == Clock::time_point{}) first.begunAt = Clock::now();
    if (const auto error = overdue(communicator, first)) return tl::unexpected(*error);
  }
  if (watched.begun == watched.told) return {};
  watched.told = watched.begun;
  for (const int32_t rank : communicator.name().group.ranks) {
    if (rank != m_rank) m_mailbox.tellBegun(rank, communicator.name().number, watched.begun);
  }
  return {};
}

// Whoever has not begun the operation is who all others wait for; it knows better why, and is let
// speak first.
std::optional<Error> NcclWatch::overdue(const NcclCommunicator& communicator,
                                        const Operation& operation) const {
  const auto waited = Clock::now() - operation.begunAt;
  if (waited <= m_monitor.linkTimeout()) return std::nullopt;
  std::vector<int32_t> missing;
  for (const int32_t rank : communicator.name().group.ranks) {
    const bool here = rank == m_rank;
    if (!here && m_mailbox.begunBy(rank, communicator.name().number) < operation.number)
      missing.push_back(rank);
  }
  if (!missing.empty() && waited <= m_monitor.linkTimeout() + kForTheMissing) return std::nullopt;
  const std::string who = missing.empty()
                              ? std::string("that all its ranks entered")
                              : fmt::format("that rank {} did not enter", fmt::join(missing, ", "));
  return m_monitor.stalled(
      fmt::format("{} {} of {}, {},", operation.what, operation.number, communicator.text(), who));
}

}  // namespace caracal::cuda
