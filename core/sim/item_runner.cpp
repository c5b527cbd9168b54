#include "core/sim/item_runner.h"

#include <algorithm>
#include <cassert>

#include "core/sim/item_durations.h"

namespace caracal::sim {

using plan::Action;
using plan::Item;

void ItemRunner::run(const Item& item, ItemTime& time) {
  time.beginNs = nowNs();
  switch (item.action) {
    case Action::kForward:
      if (item.op >= 0) m_clock.runOperator(m_operators.of(item).forwardNs);
      break;
    case Action::kRecompute:
      m_clock.runOperator(m_operators.of(item).forwardNs);
      break;
    case Action::kBackward:
      m_clock.runOperator(item.split ? m_operators.of(item).inputGradientNs
                                     : m_operators.of(item).backwardNs);
      break;
    case Action::kWeightGradient:
      m_clock.runOperator(m_operators.of(item).backwardNs - m_operators.of(item).inputGradientNs);
      break;
    case Action::kOptimizer:
      m_clock.runOperator(aloneNs(m_shape, item));
      break;
    case Action::kCollectiveStart:
      // A repeated one queues behind the window's own.
      return m_clock.start(DeviceClock::kCollectives, nowNs(), aloneNs(m_shape, item), &time);
    case Action::kCollectiveWait:
      m_clock.waitForAll(DeviceClock::kCollectives);
      break;
    case Action::kReduceStart:
      return reduce(nowNs(), aloneNs(m_shape, item), &time);
    case Action::kOffloadStart:
      return m_clock.start(DeviceClock::kCopiesOut, nowNs(), aloneNs(m_shape, item), &time);
    case Action::kFetchStart:
      return m_clock.start(DeviceClock::kCopiesIn, nowNs(), fetchNs(item), &time);
    case Action::kOffloadWait:
      m_clock.waitForFirst(DeviceClock::kCopiesOut);
      break;
    case Action::kFetchWait:
      m_clock.waitForFirst(DeviceClock::kCopiesIn);
      break;
    default:
      assert(false && "an item that waits for other devices");
  }
  time.endNs = nowNs();
}

int64_t ItemRunner::fetchNs(const Item& item) const {
  const bool early = item.layer == m_shape.of(item).topLayer();
  return early && m_earlyFetches == EarlyFetches::kFree ? 0 : aloneNs(m_shape, item);
}

void ItemRunner::reduce(int64_t readyNs, int64_t aloneNs, ItemTime* time) {
  m_reduces = true;
  if (m_ports == nullptr) {
    if (time != nullptr) *time = {readyNs, readyNs + aloneNs};
    m_reducedAloneNs = std::max(m_reducedAloneNs, readyNs + aloneNs);
  } else if (m_ports->takesReductions()) {
    ItemTime& arrival = m_shared.emplace_back(ItemTime{readyNs, kNeverArrives});
    m_ports->reduce(static_cast<size_t>(m_shape.device), {readyNs, aloneNs, time, &arrival});
  } else {
    m_clock.start(DeviceClock::kReductions, readyNs, aloneNs, time);
  }
}

int64_t ItemRunner::reducedNs() {
  if (m_ports == nullptr) return m_reducedAloneNs;
  if (m_ports->takesReductions()) return m_shared.empty() ? 0 : m_shared.back().endNs;
  return m_clock.endNs(DeviceClock::kReductions);
}

void ItemRunner::waitForReductions() {
  m_clock.idleUntil(reducedNs());
  m_clock.waitForAll(DeviceClock::kReductions);
}

}  // namespace caracal::sim
