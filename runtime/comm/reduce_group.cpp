#include "runtime/comm/reduce_group.h"

#include <algorithm>

#include "runtime/comm/float_bytes.h"

namespace caracal::comm {

ReduceGroup::ReduceGroup(Monitor& monitor, Group group, Link link, Outlet outlet)
    : m_monitor(monitor),
      m_group(std::move(group)),
      m_link(link),
      m_outlet(outlet),
      m_membersHere(outlet.wire == nullptr ? m_group.members() : 1),
      m_nextOfMember(m_group.ranks.size()) {
  if (outlet.wire == nullptr) return;
  outlet.wire->listen(outlet.port, [this](int32_t from, const Parcel& parcel) {
    const auto member = std::find(m_group.ranks.begin(), m_group.ranks.end(), from);
    if (member == m_group.ranks.end()) return;
    deposit(static_cast<int32_t>(member - m_group.ranks.begin()), floatsOf(parcel.body),
            parcel.head[0], static_cast<Pattern>(parcel.head[1]));
  });
}

ReduceGroup::Exchange ReduceGroup::takeSpare() {
  Exchange exchange;
  if (!m_spares.empty()) {
    exchange.values = std::move(m_spares.back().values);
    m_spares.pop_back();
  }
  exchange.values.resize(m_group.ranks.size());
  exchange.hasEntered.resize(m_group.ranks.size());
  return exchange;
}

uint64_t ReduceGroup::enter(int32_t member, std::span<const float> values, int64_t entryNs,
                            Pattern pattern) {
  const uint64_t number = deposit(member, values, entryNs, pattern);
  if (m_outlet.wire == nullptr) return number;
  const Parcel parcel{
      m_outlet.port, {entryNs, static_cast<int64_t>(pattern)}, std::as_bytes(values)};
  for (const int32_t rank : m_group.ranks) {
    if (rank != m_outlet.wire->rank()) m_outlet.wire->post(rank, parcel);
  }
  return number;
}

// Of the whole tensor; every member handed in that, or its part to be gathered.
int64_t ReduceGroup::bytesOf(const Exchange& exchange) const {
  const bool parts = exchange.pattern == Pattern::kAllGather;
  size_t count = 0;
  for (const auto& values : exchange.values) count = parts ? count + values.size() : values.size();
  return static_cast<int64_t>(count * sizeof(float));
}

uint64_t ReduceGroup::deposit(int32_t member, std::span<const float> values, int64_t entryNs,
                              Pattern pattern) {
  const auto index = static_cast<size_t>(member);
  auto lock = m_monitor.lock();
  const uint64_t number = m_nextOfMember[index]++;
  auto found = m_exchanges.find(number);
  if (found == m_exchanges.end()) found = m_exchanges.emplace(number, takeSpare()).first;
  Exchange& exchange = found->second;
  // A member's own slot is nobody else's business until it counts as entered.
  lock.unlock();
  exchange.values[index].assign(values.begin(), values.end());
  lock.lock();
  exchange.hasEntered[index] = true;
  exchange.pattern = pattern;
  exchange.lastEntryNs = std::max(exchange.lastEntryNs, entryNs);
  if (++exchange.entered == members()) {
    const int64_t begin = std::max(exchange.lastEntryNs, m_linkFreeNs);
    const int64_t bytes = ringBytes(pattern, bytesOf(exchange), members());
    exchange.transfer = {begin, begin + transferNs(m_link, bytes)};
    m_linkFreeNs = exchange.transfer.endNs;
    m_monitor.notify();
  }
  return number;
}

std::string ReduceGroup::missing(const Exchange& exchange, uint64_t number) const {
  std::vector<int32_t> absent;
  for (size_t member = 0; member < m_group.ranks.size(); ++member) {
    if (!exchange.hasEntered[member]) absent.push_back(m_group.ranks[member]);
  }
  return fmt::format("the {} link of ranks {} stalled: rank {} did not come to collective {} and",
                     m_group.name, fmt::join(m_group.ranks, ", "), fmt::join(absent, ", "), number);
}

namespace {

using Values = std::vector<std::vector<float>>;  // of each member

// In member order. The first two in one pass: a rank that filled the collective with work comes
// here when the transfer is over, and this is what it still waits for.
void sum(const Values& values, Part part, std::span<float> result) {
  const auto of = [&](size_t member) { return values[member].data() + part.begin; };
  if (values.size() == 1) return static_cast<void>(std::copy_n(of(0), part.count, result.begin()));
  const float *first = of(0), *second = of(1);
  for (size_t i = 0; i < part.count; ++i) result[i] = first[i] + second[i];
  for (size_t member = 2; member < values.size(); ++member) {
    const float* own = of(member);
    for (size_t i = 0; i < part.count; ++i) result[i] += own[i];
  }
}

void gather(const Values& values, std::span<float> result) {
  auto next = result.begin();
  for (const std::vector<float>& part : values) next = std::copy(part.begin(), part.end(), next);
}

}  // namespace

Result<Transfer> ReduceGroup::collect(uint64_t number, std::span<float> result, int32_t member) {
  auto lock = m_monitor.lock();
  Exchange& exchange = m_exchanges.at(number);
  CARACAL_CHECK_OK(m_monitor.wait(
      lock, [&] { return exchange.entered == members(); },
      [&] { return missing(exchange, number); }));
  const Transfer transfer = exchange.transfer;
  lock.unlock();

  const size_t count = exchange.values.front().size();
  if (exchange.pattern == Pattern::kAllGather)
    gather(exchange.values, result);
  else if (exchange.pattern == Pattern::kReduceScatter)
    sum(exchange.values, partOf(count, member, members()), result);
  else
    sum(exchange.values, {0, count}, result);

  lock.lock();
  if (++exchange.collected == m_membersHere) {
    m_spares.push_back(std::move(exchange));
    m_exchanges.erase(number);
  }
  return transfer;
}

}  // namespace caracal::comm
