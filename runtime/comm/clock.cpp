#include "runtime/comm/clock.h"

#include <sys/file.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace caracal::comm {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kGlanceNs = kNsPerSecond / 10;  // at the state of the run, while waiting
constexpr int64_t kTokenPatienceNs = 60 * kNsPerSecond;

int64_t readClock(clockid_t id) {
  timespec time{};
  clock_gettime(id, &time);
  return time.tv_sec * kNsPerSecond + time.tv_nsec;
}

}  // namespace

std::string_view name(ClockKind kind) {
  return kind == ClockKind::kWall ? "wall" : "virtual";
}

int64_t monotonicNs() {
  return readClock(CLOCK_MONOTONIC);
}

void Token::lock() {
  constexpr timespec kPause{0, 50'000};
  m_mutex.lock();
  const int64_t deadline = monotonicNs() + kTokenPatienceNs;
  while (m_file >= 0 && flock(m_file, LOCK_EX | LOCK_NB) != 0 && monotonicNs() < deadline)
    nanosleep(&kPause, nullptr);
}

void Token::unlock() {
  if (m_file >= 0) flock(m_file, LOCK_UN);
  m_mutex.unlock();
}

int64_t RunClock::wallNowNs() const {
  return monotonicNs() - m_originNs - m_excludedNs;
}

int64_t RankClock::threadCpuNs() {
  return readClock(CLOCK_THREAD_CPUTIME_ID);
}

Span RankClock::advance(int64_t durationNs) {
  const int64_t begin = m_virtualNs;
  m_virtualNs += durationNs;
  return {begin, m_virtualNs};
}

Result<void> RankClock::sleepUntil(int64_t ns) const {
  const int64_t deadline = m_run.monotonicOf(ns);
  for (int64_t now = monotonicNs(); now < deadline; now = monotonicNs()) {
    if (m_monitor != nullptr) CARACAL_CHECK_OK(m_monitor->check());
    const int64_t next = std::min(deadline, now + kGlanceNs);
    const timespec until{next / kNsPerSecond, next % kNsPerSecond};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
  }
  return {};
}

Result<void> RankClock::waitUntil(int64_t ns) {
  if (isVirtual()) {
    m_virtualNs = std::max(m_virtualNs, ns);
    return {};
  }
  if (m_run.wallNowNs() >= ns) return {};
  CARACAL_CHECK_OK(sleepUntil(ns));
  const int64_t late = m_run.wallNowNs() - ns;
  ++m_overshoot.waits;
  m_overshoot.totalNs += late;
  m_overshoot.worstNs = std::max(m_overshoot.worstNs, late);
  return {};
}

void useExactTimers() {
  prctl(PR_SET_TIMERSLACK, 1UL);
}

}  // namespace caracal::comm
