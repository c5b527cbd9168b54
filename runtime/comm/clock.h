// The time of a run. Every figure a run reports is read from here, and which clock it was is part
// of the result.
//
// kWall: the monotonic clock. Ranks compute side by side, so it is honest only while every rank has
// a core of its own. kVirtual: operators run for real but one at a time, whoever holds the token;
// what an operator takes is the processor time of its thread (CLOCK_THREAD_CPUTIME_ID, so that
// neither other programs nor the waiting for the token count) and advances the virtual clock of its
// rank. Waits take no real time: they move the rank's clock to the time the awaited thing happens.
// Eight ranks are honest on two cores.
#pragma once

#include <cstdint>
#include <mutex>
#include <string_view>
#include <utility>

#include "core/base/intervals.h"
#include "core/base/result.h"
#include "runtime/comm/monitor.h"

namespace caracal::comm {

enum class ClockKind : uint8_t { kWall, kVirtual };
std::string_view name(ClockKind kind);  // "wall", "virtual"

int64_t monotonicNs();  // CLOCK_MONOTONIC: one clock for all processes of a machine

// Held by the rank whose operator is running, on a virtual clock: a mutex for the threads of a
// process, and a file lock where ranks are processes, which a killed process gives back. Nobody
// waits for ever for one that stands still with the token: after a minute it counts as free.
class Token {
 public:
  // `file`: open while the token lives, the same file in all processes, opened by each; -1: none.
  explicit Token(int file = -1) : m_file(file) {}
  void lock();
  void unlock();

 private:
  std::mutex m_mutex;
  int m_file;
};

// What the ranks of a run share: zero of the clock, pauses, and the token.
class RunClock {
 public:
  // `originNs`: zero of the wall clock, of CLOCK_MONOTONIC.
  explicit RunClock(ClockKind kind, int64_t originNs = monotonicNs(), int tokenFile = -1)
      : m_kind(kind), m_originNs(originNs), m_token(tokenFile) {}

  ClockKind kind() const { return m_kind; }
  // Wall time since the run began, pauses left out.
  int64_t wallNowNs() const;
  // Takes `ns` of wall time out of the run, such as writing the recording of a step. REQUIRES that
  // all ranks stand still, and that what they do next is ordered after the call.
  void excludeNs(int64_t ns) { m_excludedNs += ns; }
  // The time of CLOCK_MONOTONIC at which wallNowNs() will be `ns`.
  int64_t monotonicOf(int64_t ns) const { return ns + m_originNs + m_excludedNs; }
  Token& token() { return m_token; }

 private:
  ClockKind m_kind;
  int64_t m_originNs;
  int64_t m_excludedNs = 0;
  Token m_token;
};

// The clock of one rank; used by that rank's thread alone.
class RankClock {
 public:
  // `monitor`: of the run, whose end also ends waits; nullptr: they last as long as asked.
  explicit RankClock(RunClock& run, const Monitor* monitor = nullptr)
      : m_run(run), m_monitor(monitor) {}

  ClockKind kind() const { return m_run.kind(); }
  int64_t nowNs() const { return isVirtual() ? m_virtualNs : m_run.wallNowNs(); }

  // Runs work() and returns when, on this clock, it ran.
  template <class Work>
  Span measure(Work&& work) {
    if (!isVirtual()) {
      const int64_t begin = m_run.wallNowNs();
      std::forward<Work>(work)();
      return {begin, m_run.wallNowNs()};
    }
    const std::lock_guard token(m_run.token());
    const int64_t begin = threadCpuNs();
    std::forward<Work>(work)();
    return advance(threadCpuNs() - begin);
  }

  // Waits until the clock shows at least `ns`, leaving the core to others. Fails when the run has
  // failed or is to end at once, a tenth of a second later at most.
  Result<void> waitUntil(int64_t ns);
  // Moves a virtual clock forward by a duration known from elsewhere. REQUIRES kVirtual.
  Span advance(int64_t durationNs);

  // How late waits on the wall clock ended, worst and in total; emulated links are as exact as
  // this.
  struct Overshoot {
    int64_t waits = 0, totalNs = 0, worstNs = 0;
  };
  const Overshoot& overshoot() const { return m_overshoot; }

 private:
  bool isVirtual() const { return m_run.kind() == ClockKind::kVirtual; }
  static int64_t threadCpuNs();

  Result<void> sleepUntil(int64_t ns) const;

  RunClock& m_run;
  const Monitor* m_monitor;
  int64_t m_virtualNs = 0;
  Overshoot m_overshoot;
};

// Lets timed waits of the calling thread end within microseconds instead of the default 50 us.
void useExactTimers();

}  // namespace caracal::comm
