#include "runtime/comm/all_reduce.h"

#include <algorithm>

namespace caracal::comm {

ReduceGroup::Exchange ReduceGroup::takeSpare() {
  Exchange exchange;
  if (!m_spares.empty()) {
    exchange.values = std::move(m_spares.back().values);
    m_spares.pop_back();
  }
  exchange.values.resize(static_cast<size_t>(m_members));
  return exchange;
}

uint64_t ReduceGroup::enter(int32_t member, std::span<const float> values, int64_t entryNs) {
  auto lock = m_monitor.lock();
  const uint64_t number = m_nextOfMember[static_cast<size_t>(member)]++;
  auto found = m_exchanges.find(number);
  if (found == m_exchanges.end()) found = m_exchanges.emplace(number, takeSpare()).first;
  Exchange& exchange = found->second;
  // A member's own slot is nobody else's business until it counts as entered.
  lock.unlock();
  exchange.values[static_cast<size_t>(member)].assign(values.begin(), values.end());
  lock.lock();
  exchange.lastEntryNs = std::max(exchange.lastEntryNs, entryNs);
  if (++exchange.entered == m_members) {
    const auto bytes = static_cast<int64_t>(values.size_bytes());
    const int64_t begin = std::max(exchange.lastEntryNs, m_linkFreeNs);
    exchange.transfer = {begin, begin + transferNs(m_link, ringAllReduceBytes(bytes, m_members))};
    m_linkFreeNs = exchange.transfer.endNs;
    m_monitor.notify();
  }
  return number;
}

Result<Transfer> ReduceGroup::collect(uint64_t number, std::span<float> sum) {
  auto lock = m_monitor.lock();
  Exchange& exchange = m_exchanges.at(number);
  CARACAL_CHECK_OK(m_monitor.wait(lock, [&] { return exchange.entered == m_members; }));
  const Transfer transfer = exchange.transfer;
  lock.unlock();

  std::copy(exchange.values[0].begin(), exchange.values[0].end(), sum.begin());
  for (size_t member = 1; member < exchange.values.size(); ++member) {
    const std::vector<float>& values = exchange.values[member];
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += values[i];
  }

  lock.lock();
  if (++exchange.collected == m_members) {
    m_spares.push_back(std::move(exchange));
    m_exchanges.erase(number);
  }
  return transfer;
}

}  // namespace caracal::comm
