// Watches NCCL's work of one process from a thread of its own: a communicator with an error, or an
// operation that the GPU began and does not end within the link timeout, fails the run with the
// names of operation and ranks; and once the run has failed, for whatever reason, all communicators
// are aborted, so that no GPU waits for ranks that will not come.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "runtime/cuda/check.h"
#include "runtime/cuda/nccl_communicator.h"
#include "runtime/cuda/nccl_mailbox.h"

namespace caracal::cuda {

class NcclWatch {
 public:
  // `device`: whose work is watched. References outlive the watch.
  NcclWatch(comm::Monitor& monitor, NcclMailbox& mailbox, int32_t device, int32_t rank)
      : m_monitor(monitor), m_mailbox(mailbox), m_device(device), m_rank(rank) {}
  NcclWatch(const NcclWatch&) = delete;
  NcclWatch& operator=(const NcclWatch&) = delete;

  // `communicators`: those of the run, which outlive the watch.
  void start(std::vector<NcclCommunicator*> communicators);
  // Whether all went well so far and nothing is under way.
  bool stop();

  // An operation between two events of its stream; `what` as in "all-reduce".
  void note(const NcclCommunicator& communicator, const char* what, const Event& begin,
            const Event& end);

 private:
  using Clock = std::chrono::steady_clock;
  struct Operation {
    const char* what = "";
    int64_t number = 0;  // of the communicator's, from 1
    Event begin, end;
    Clock::time_point begunAt{};  // when that was seen; zero: it has not begun
  };
  struct Watched {
    std::deque<Operation> underWay;  // in the order of their stream
    int64_t enqueued = 0, begun = 0, told = 0;
  };

  void watch(const std::stop_token& stop);
  Result<void> look();
  Result<void> look(const NcclCommunicator& communicator, Watched& watched);
  // What to say of an operation that takes too long; nothing: it does not yet.
  std::optional<Error> overdue(const NcclCommunicator& communicator,
                               const Operation& operation) const;

  comm::Monitor& m_monitor;
  NcclMailbox& m_mailbox;
  int32_t m_device;
  int32_t m_rank;
  std::vector<NcclCommunicator*> m_communicators;
  std::mutex m_mutex;
  std::map<const NcclCommunicator*, Watched> m_watched;  // guarded by m_mutex
  bool m_aborted = false;                                // the thread's
  std::jthread m_thread;
};

}  // namespace caracal::cuda
