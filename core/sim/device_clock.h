// DeviceClock: the compute stream of one device, and the communication that goes on beside it.
//
// Transfers of one stream run one after the other, those of different streams at the same time.
// While an operator runs beside any of them it advances at 1/kappa of its speed and each of them at
// 1/rho (contracts.md section 2, "Contention"); while compute waits they run at their own speed.
// Times between two events of the device (an operator's begin or end, the end of a transfer) are
// whole nanoseconds, rounded half up.
#pragma once

#include <array>
#include <cstdint>
#include <deque>

#include "core/plan/overlap_clock.h"
#include "core/sim/replay.h"

namespace caracal::sim {

class DeviceClock {
 public:
  enum Stream : uint8_t {
    kCollectives,  // of layers
    kReductions,   // of gradients over data-parallel replicas
    kCopiesOut,    // to the host
    kCopiesIn,     // from the host
  };

  explicit DeviceClock(const plan::Contention& contention)
      : m_contention(contention), m_contended(contention != plan::Contention{}) {}

  // Of compute.
  int64_t nowNs() const { return m_nowNs; }
  bool contended() const { return m_contended; }

  void runOperator(int64_t aloneNs) {
    if (m_contended)
      runBeside(aloneNs);
    else
      m_nowNs += aloneNs;
  }
  void idleUntil(int64_t ns) {
    if (ns > m_nowNs) m_nowNs = ns;
  }

  // `readyNs`: no earlier than now, nor than that of another transfer of the stream. `time`, if not
  // null, is set when the transfer is over, at the latest when it is waited for.
  void start(Stream stream, int64_t readyNs, int64_t aloneNs, ItemTime* time = nullptr);
  // When everything in the stream is over if compute waits from now on; now: it is over.
  int64_t endNs(Stream stream);
  void waitForAll(Stream stream);
  // Waits for the first transfer of the stream that has not been waited for. REQUIRES one.
  void waitForFirst(Stream stream);
  // Whether anything goes on beside compute now.
  bool busy();

 private:
  struct Transfer {
    int64_t remainingNs = 0;
    int64_t beginNs = 0;  // of the first in the queue
    ItemTime* time = nullptr;
  };
  struct Queue {
    std::deque<Transfer> transfers;  // the first is under way
    std::deque<int64_t> endsNs;      // of those that are over and not waited for
    int64_t atNs = 0;                // how far the first has come
  };

  void runBeside(int64_t aloneNs);
  static void catchUp(Queue& queue, int64_t nowNs);
  static void advance(Queue& queue, int64_t transferNs, int64_t nowNs);
  Queue& caughtUp(Stream stream) {
    Queue& queue = m_queues[stream];
    catchUp(queue, m_nowNs);
    return queue;
  }

  plan::Contention m_contention;
  bool m_contended;
  int64_t m_nowNs = 0;
  std::array<Queue, 4> m_queues;  // by stream
};

}  // namespace caracal::sim
