#include "core/plan/recompute_hosts.h"

#include <algorithm>
#include <array>
#include <limits>

namespace caracal::plan {
namespace {

// Least overflow of all work from a piece on, in the collectives from one on.
class Splits {
 public:
  Splits(const std::vector<HostedWork>& work, const std::vector<int64_t>& capacitiesNs,
         const Contention& contention)
      : m_work(work), m_capacities(capacitiesNs), m_contention(contention) {
    constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
    m_least.assign((m_capacities.size() + 1) * (work.size() + 1), kNever);
    at(m_capacities.size(), work.size()) = 0;
    for (size_t host = m_capacities.size(); host-- > 0;) {
      for (size_t begin = 0; begin <= work.size(); ++begin) {
        for (size_t end = begin; end <= work.size(); ++end) {
          const int64_t rest = at(host + 1, end);
          if (rest == kNever) continue;
          at(host, begin) = std::min(at(host, begin), rest + costNs(host, begin, end));
        }
      }
    }
  }

  int64_t leastNs() const { return m_least.front(); }

  std::vector<size_t> earliest() const {
    std::vector<size_t> hosts;
    for (size_t host = 0; host < m_capacities.size(); ++host) {
      const size_t begin = hosts.size();
      size_t end = m_work.size();
      while (at(host + 1, end) == std::numeric_limits<int64_t>::max() ||
             at(host + 1, end) + costNs(host, begin, end) != at(host, begin))
        --end;
      hosts.resize(end, host);
    }
    return hosts;
  }

 private:
  int64_t costNs(size_t host, size_t begin, size_t end) const {
    return overflowNs(m_work.data() + begin, m_work.data() + end, m_capacities[host], m_contention);
  }
  int64_t& at(size_t host, size_t piece) { return m_least[host * (m_work.size() + 1) + piece]; }
  int64_t at(size_t host, size_t piece) const {
    return m_least[host * (m_work.size() + 1) + piece];
  }

  const std::vector<HostedWork>& m_work;
  const std::vector<int64_t>& m_capacities;
  const Contention& m_contention;
  std::vector<int64_t> m_least;
};

}  // namespace

int64_t overflowNs(const HostedWork* begin, const HostedWork* end, int64_t capacityNs,
                   const Contention& contention) {
  OverlapClock clock(capacityNs, contention);
  for (const HostedWork* work = begin; work != end; ++work) {
    if (work->collective)
      clock.repeatCollective(work->ns);
    else
      clock.runOperator(work->ns);
  }
  return clock.finish() - capacityNs;
}

std::vector<size_t> splitWork(const std::vector<HostedWork>& work,
                              const std::vector<int64_t>& capacitiesNs,
                              const Contention& contention) {
  if (capacitiesNs.size() == 1 || work.empty()) return std::vector<size_t>(work.size(), 0);
  return Splits(work, capacitiesNs, contention).earliest();
}

int64_t splitOverflowNs(const std::vector<HostedWork>& work,
                        const std::vector<int64_t>& capacitiesNs, const Contention& contention) {
  if (work.empty()) return 0;
  if (capacitiesNs.size() == 1)
    return overflowNs(work.data(), work.data() + work.size(), capacitiesNs.front(), contention);
  return Splits(work, capacitiesNs, contention).leastNs();
}

std::vector<int64_t> capacitiesNs(const StageShape& shape, int32_t kind, WindowId host) {
  const auto k = static_cast<size_t>(kind);
  std::vector<int64_t> capacities;
  for (const int8_t window : shape.graphs.kinds[k].hostsOf(host))
    capacities.push_back(
        shape.windowNs(shape.profile.kinds[k].windows[static_cast<size_t>(window)]));
  return capacities;
}

namespace {

// Where a window has several collectives, shares out what is rebuilt in `slot` among them.
void share(const StageShape& shape, int32_t own, const std::vector<Slot>& slots, Slot slot,
           WindowId window, int32_t owner, std::vector<int8_t>& hosts) {
  const auto& windows = shape.graphs.kinds[static_cast<size_t>(owner)].hostsOf(window);
  if (windows.size() < 2) return;
  const auto& operators = shape.profile.kinds[static_cast<size_t>(own)].operators;
  const LayerGraph& graph = shape.graphs.kinds[static_cast<size_t>(own)];
  std::vector<HostedWork> work;
  for (size_t op = 0; op < slots.size(); ++op) {
    if (slots[op] == slot)
      work.push_back({operators[op].forwardNs, graph.operators[op].collective});
  }
  if (work.empty()) return;
  const std::vector<size_t> split =
      splitWork(work, capacitiesNs(shape, owner, window),
                Contention::of(shape.profile.kappa, shape.profile.rho));
  auto next = split.begin();
  for (size_t op = 0; op < slots.size(); ++op) {
    if (slots[op] == slot) hosts[op] = windows[*next++];
  }
}

}  // namespace

std::vector<int8_t> recomputeHosts(const StageShape& shape, HostKinds kinds,
                                   const std::vector<Slot>& slots) {
  // At the top nothing is in a prev.* slot.
  const int32_t above = kinds.above < 0 ? kinds.own : kinds.above;
  struct Place {
    Slot slot;
    WindowId window;
    int32_t owner;
  };
  const std::array<Place, 5> places{{{Slot::kFwdAttn, WindowId::kFwdAttn, kinds.own},
                                     {Slot::kFwdMlp, WindowId::kFwdMlp, kinds.own},
                                     {Slot::kOwnBwdMlp, WindowId::kOwnBwdMlp, kinds.own},
                                     {Slot::kPrevBwdMlp, WindowId::kPrevBwdMlp, above},
                                     {Slot::kPrevBwdAttn, WindowId::kPrevBwdAttn, above}}};
  std::array<int8_t, static_cast<size_t>(Slot::kNone) + 1> first;
  first.fill(-1);
  for (const Place& place : places) {
    const auto& windows =
        shape.graphs.kinds[static_cast<size_t>(place.owner)].hostsOf(place.window);
    if (!windows.empty()) first[static_cast<size_t>(place.slot)] = windows.front();
  }
  std::vector<int8_t> hosts;
  hosts.reserve(slots.size());
  for (const Slot slot : slots) hosts.push_back(first[static_cast<size_t>(slot)]);
  for (const Place& place : places)
    share(shape, kinds.own, slots, place.slot, place.window, place.owner, hosts);
  return hosts;
}

}  // namespace caracal::plan
