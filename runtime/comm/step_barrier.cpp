#include "runtime/comm/step_barrier.h"

#include <utility>

namespace caracal::comm {

StepBarrier::StepBarrier(Monitor& monitor, int32_t ranks, Wire* wire)
    : m_monitor(monitor),
      m_wire(wire),
      m_handedIn(static_cast<size_t>(ranks)),
      m_hasArrived(static_cast<size_t>(ranks)) {
  if (wire == nullptr) return;
  wire->listen(kPort, [this](int32_t from, const Parcel& parcel) { receive(from, parcel); });
}

// From rank 0 comes the decision, to rank 0 what others hand in.
void StepBarrier::receive(int32_t from, const Parcel& parcel) {
  Bytes body(parcel.body.begin(), parcel.body.end());
  const auto lock = m_monitor.lock();
  if (from == 0) {
    m_decision = std::move(body);
    ++m_round;
  } else {
    m_handedIn[static_cast<size_t>(from)] = std::move(body);
    m_hasArrived[static_cast<size_t>(from)] = true;
    ++m_arrived;
  }
  m_monitor.notify();
}

Result<Bytes> StepBarrier::arrive(int32_t rank, Bytes own, const Decide& decide) {
  if (m_wire != nullptr && rank != 0) return askRankZero(own);
  auto lock = m_monitor.lock();
  const uint64_t round = m_round;
  m_handedIn[static_cast<size_t>(rank)] = std::move(own);
  m_hasArrived[static_cast<size_t>(rank)] = true;
  ++m_arrived;
  const auto allCame = [&] { return m_arrived == m_handedIn.size(); };
  const auto missing = [&] { return missingRanks(); };
  if (m_wire != nullptr) CARACAL_CHECK_OK(m_monitor.wait(lock, allCame, missing));
  if (allCame()) return decideForAll(std::move(lock), decide);
  CARACAL_CHECK_OK(m_monitor.wait(
      lock, [&] { return m_round != round; }, missing));
  return m_decision;
}

Result<Bytes> StepBarrier::askRankZero(const Bytes& own) {
  auto lock = m_monitor.lock();
  const uint64_t round = m_round;
  lock.unlock();
  m_wire->post(0, {kPort, {}, own});
  lock.lock();
  CARACAL_CHECK_OK(m_monitor.wait(
      lock, [&] { return m_round != round; },
      [] { return std::string("rank 0 did not end the step and"); }));
  return m_decision;
}

// Everybody else waits for the round to end, so nothing they own is touched while the lock is open.
Result<Bytes> StepBarrier::decideForAll(Monitor::Lock lock, const Decide& decide) {
  std::vector<Bytes> handedIn = std::exchange(m_handedIn, std::vector<Bytes>(m_handedIn.size()));
  lock.unlock();
  auto decision = decide(std::move(handedIn));
  if (!decision) {
    m_monitor.fail(decision.error());
    return decision;
  }
  lock.lock();
  m_decision = *decision;
  m_arrived = 0;
  m_hasArrived.assign(m_hasArrived.size(), false);
  ++m_round;
  m_monitor.notify();
  lock.unlock();
  // Only now: whoever has the decision may come to the next round.
  for (size_t rank = 1; m_wire != nullptr && rank < m_hasArrived.size(); ++rank)
    m_wire->post(static_cast<int32_t>(rank), {kPort, {}, *decision});
  return decision;
}

std::string StepBarrier::missingRanks() const {
  std::vector<size_t> absent;
  for (size_t rank = 0; rank < m_hasArrived.size(); ++rank) {
    if (!m_hasArrived[rank]) absent.push_back(rank);
  }
  if (absent.empty()) return "the rank that ends the step";
  return fmt::format("rank {} did not come to the end of the step and", fmt::join(absent, ", "));
}

}  // namespace caracal::comm
