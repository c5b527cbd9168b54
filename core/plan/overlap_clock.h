// OverlapClock: recomputations running beside one collective, in exact integer nanoseconds.
//
// While both run, an operator advances at 1/kappa of its speed and the collective at 1/rho
// (contracts.md section 2, "Contention"). A collective that a recomputation repeats queues behind
// the window's own on the communication stream. Planner and simulator both count with this class,
// so what a plan is charged in the search is what the simulation shows.
#pragma once

#include <cmath>
#include <cstdint>

#include "core/plan/slowdown.h"

namespace caracal::plan {

// kappa and rho as parts per million, so that times stay integers.
struct Contention {
  int64_t kappaPpm = 1'000'000;
  int64_t rhoPpm = 1'000'000;

  static Contention of(double kappa, double rho) {
    return {std::llround(kappa * 1e6), std::llround(rho * 1e6)};
  }
  bool operator==(const Contention&) const = default;
};

class OverlapClock {
 public:
  OverlapClock(int64_t collectiveNs, const Contention& contention)
      : m_remainingNs(collectiveNs), m_endNs(collectiveNs), m_contention(&contention) {}

  // Time since the collective's start at which compute is free again.
  int64_t elapsedNs() const { return m_elapsedNs; }
  // When the collective ends if nothing else runs beside it.
  int64_t collectiveEndNs() const {
    return m_remainingNs > 0 ? m_elapsedNs + m_remainingNs : m_endNs;
  }

  void runOperator(int64_t aloneNs) {
    if (m_remainingNs == 0) {
      m_elapsedNs += aloneNs;
      return;
    }
    const int64_t besideNs = slowedNs(aloneNs, m_contention->kappaPpm);
    const int64_t collectiveNs = slowedNs(m_remainingNs, m_contention->rhoPpm);
    if (besideNs < collectiveNs) {
      m_elapsedNs += besideNs;
      m_remainingNs -= doneNs(besideNs, m_contention->rhoPpm);
      if (m_remainingNs > 0) return;
      m_endNs = m_elapsedNs;
      m_remainingNs = 0;
      return;
    }
    m_endNs = m_elapsedNs + collectiveNs;
    m_remainingNs = 0;
    const int64_t left = aloneNs - doneNs(collectiveNs, m_contention->kappaPpm);
    m_elapsedNs = m_endNs + (left > 0 ? left : 0);
  }

  // Returns when the repeated collective starts; compute waits for its end.
  int64_t repeatCollective(int64_t collectiveNs) {
    const int64_t startNs = m_elapsedNs + m_remainingNs;
    if (m_remainingNs > 0) m_endNs = startNs;
    m_remainingNs = 0;
    m_elapsedNs = startNs + collectiveNs;
    return startNs;
  }

  // Compute waits for the collective; returns the time since its start.
  int64_t finish() {
    if (m_remainingNs > 0) repeatCollective(0);
    return m_elapsedNs;
  }

 private:
  int64_t m_elapsedNs = 0;
  int64_t m_remainingNs;  // of the collective, were it to run alone from now on
  int64_t m_endNs;        // of the collective, once it has ended
  const Contention* m_contention;
};

}  // namespace caracal::plan
