#include "core/sim/device_clock.h"

#include <algorithm>

#include "core/plan/slowdown.h"

namespace caracal::sim {

void DeviceClock::start(Stream stream, int64_t readyNs, int64_t aloneNs, ItemTime* time) {
  Queue& queue = m_queues[stream];
  catchUp(queue, readyNs);
  if (queue.transfers.empty()) queue.atNs = readyNs;
  queue.transfers.push_back({aloneNs, readyNs, time});
  catchUp(queue, readyNs);
}

int64_t DeviceClock::endNs(Stream stream) {
  const Queue& queue = caughtUp(stream);
  int64_t endNs = queue.transfers.empty() ? m_nowNs : queue.atNs;
  for (const Transfer& transfer : queue.transfers) endNs += transfer.remainingNs;
  return endNs;
}

void DeviceClock::waitForAll(Stream stream) {
  idleUntil(endNs(stream));
  caughtUp(stream).endsNs.clear();
}

void DeviceClock::waitForFirst(Stream stream) {
  Queue& queue = caughtUp(stream);
  if (queue.endsNs.empty()) {
    idleUntil(queue.atNs + queue.transfers.front().remainingNs);
    catchUp(queue, m_nowNs);
  }
  queue.endsNs.pop_front();
}

bool DeviceClock::busy() {
  for (Queue& queue : m_queues) {
    catchUp(queue, m_nowNs);
    if (!queue.transfers.empty()) return true;
  }
  return false;
}

// What runs alone up to now.
void DeviceClock::catchUp(Queue& queue, int64_t nowNs) {
  while (!queue.transfers.empty() && queue.atNs + queue.transfers.front().remainingNs <= nowNs) {
    const int64_t ns = queue.transfers.front().remainingNs;
    advance(queue, ns, queue.atNs + ns);
  }
  if (!queue.transfers.empty() && queue.atNs < nowNs) advance(queue, nowNs - queue.atNs, nowNs);
}

// So much of the first transfer, up to now; the next one begins when it is over.
void DeviceClock::advance(Queue& queue, int64_t transferNs, int64_t nowNs) {
  Transfer& first = queue.transfers.front();
  queue.atNs = nowNs;
  first.remainingNs -= transferNs;
  if (first.remainingNs > 0) return;
  if (first.time != nullptr) *first.time = {first.beginNs, nowNs};
  queue.endsNs.push_back(nowNs);
  queue.transfers.pop_front();
  if (!queue.transfers.empty()) queue.transfers.front().beginNs = nowNs;
}

void DeviceClock::runBeside(int64_t aloneNs) {
  while (aloneNs > 0) {
    int64_t firstNs = 0;  // left of the transfer that is over first
    for (Queue& queue : m_queues) {
      catchUp(queue, m_nowNs);
      if (queue.transfers.empty()) continue;
      const int64_t leftNs = queue.transfers.front().remainingNs;
      firstNs = firstNs == 0 ? leftNs : std::min(firstNs, leftNs);
    }
    if (firstNs == 0) {
      m_nowNs += aloneNs;
      return;
    }
    const int64_t operatorNs = plan::slowedNs(aloneNs, m_contention.kappaPpm);
    const int64_t transferNs = plan::slowedNs(firstNs, m_contention.rhoPpm);
    const bool operatorEnds = operatorNs < transferNs;
    const int64_t stretchNs = operatorEnds ? operatorNs : transferNs;
    m_nowNs += stretchNs;
    for (Queue& queue : m_queues) {
      if (queue.transfers.empty()) continue;
      const bool ends = !operatorEnds && queue.transfers.front().remainingNs == firstNs;
      advance(queue, ends ? firstNs : plan::doneNs(stretchNs, m_contention.rhoPpm), m_nowNs);
    }
    aloneNs = operatorEnds ? 0 : aloneNs - plan::doneNs(stretchNs, m_contention.kappaPpm);
  }
}

}  // namespace caracal::sim
