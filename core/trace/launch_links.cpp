#include "core/trace/launch_links.h"

#include <algorithm>
#include <vector>

#include "core/trace/polled_sort.h"

namespace caracal::trace {
namespace {

// Ids mostly count up by one a call: a table with a place for each of them is then the smallest and
// fastest index. Up to this many places a call.
constexpr uint64_t kMostPlacesPerCall = 3;

// The calls of one process by their correlation id.
class CallIndex {
 public:
  static std::optional<CallIndex> of(const PackedColumn& correlations, const PackedColumn& events,
                                     uint64_t least, uint64_t most, const std::stop_token& stop) {
    CallIndex index;
    index.m_least = least;
    const bool dense = (most - least) / kMostPlacesPerCall < correlations.size();
    if (dense) index.m_places.assign(static_cast<size_t>(most - least) + 1, kNoIndex);
    for (size_t i = 0; i < events.size(); ++i) {
      if (i % kBetweenPolls == 0 && stop.stop_requested()) return std::nullopt;
      const auto id = static_cast<uint64_t>(correlations[i]);
      const auto event = static_cast<EventIndex>(events[i]);
      if (!dense) {
        index.m_sorted.push_back({id, event});
      } else if (index.m_places[id - least] == kNoIndex) {
        index.m_places[id - least] = event;
      }
    }
    if (!polledStableSort(index.m_sorted, isBefore, stop)) return std::nullopt;
    return index;
  }

  EventIndex find(uint64_t id) const {
    if (!m_places.empty())
      return id >= m_least && id - m_least < m_places.size() ? m_places[id - m_least] : kNoIndex;
    const auto found = std::lower_bound(m_sorted.begin(), m_sorted.end(), Call{id, 0}, isBefore);
    return found != m_sorted.end() && found->id == id ? found->event : kNoIndex;
  }

 private:
  struct Call {
    uint64_t id;
    EventIndex event;
  };
  static bool isBefore(const Call& a, const Call& b) { return a.id < b.id; }

  uint64_t m_least = 0;
  std::vector<EventIndex> m_places;  // of id m_least + i; empty where ids lie far apart
  std::vector<Call> m_sorted;
};

}  // namespace

void LaunchLinks::push(uint32_t process, EventKind kind, uint64_t correlation) {
  const bool isCall = kind == EventKind::kRuntime;
  m_wanted.push(isCall ? 0 : static_cast<int64_t>(correlation));
  m_processes.push(process);
  if (isCall && correlation != 0) addCall(process, correlation);
}

void LaunchLinks::addCall(uint32_t process, uint64_t correlation) {
  Calls& calls = m_calls[process];
  calls.correlations.push(static_cast<int64_t>(correlation));
  calls.events.push(static_cast<int64_t>(m_wanted.size()) - 1);
  calls.least = std::min(calls.least, correlation);
  calls.most = std::max(calls.most, correlation);
}

std::optional<PackedColumn> LaunchLinks::link(const std::stop_token& stop) && {
  std::map<uint32_t, CallIndex> callsOf;
  for (auto& [process, calls] : m_calls) {
    const PackedColumn correlations = std::move(calls.correlations).finish();
    const PackedColumn events = std::move(calls.events).finish();
    auto index = CallIndex::of(correlations, events, calls.least, calls.most, stop);
    if (!index) return std::nullopt;
    callsOf.emplace(process, std::move(*index));
    calls = {};
  }
  const PackedColumn wanted = std::move(m_wanted).finish();
  const PackedColumn processes = std::move(m_processes).finish();
  ColumnPacker launches;
  for (size_t e = 0; e < wanted.size(); ++e) {
    if (e % kBetweenPolls == 0 && stop.stop_requested()) return std::nullopt;
    const auto id = static_cast<uint64_t>(wanted[e]);
    EventIndex call = kNoIndex;
    if (id != 0) {
      const auto calls = callsOf.find(static_cast<uint32_t>(processes[e]));
      if (calls != callsOf.end()) call = calls->second.find(id);
    }
    launches.push(call == kNoIndex ? 0 : int64_t{call} + 1);
  }
  return std::move(launches).finish();
}

}  // namespace caracal::trace
