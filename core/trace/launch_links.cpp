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

void LaunchLinks::beginTrack(uint32_t process) {
  m_tracks.push_back({m_wanted.size(), process});
}

void LaunchLinks::push(EventKind kind, uint64_t correlation) {
  const bool isCall = kind == EventKind::kRuntime;
  m_wanted.push(isCall ? 0 : static_cast<int64_t>(correlation));
  if (isCall && correlation != 0) addCall(correlation);
}

void LaunchLinks::addCall(uint64_t correlation) {
  Calls& calls = m_calls[m_tracks.back().process];
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
  ColumnPacker launches;
  m_tracks.push_back({wanted.size(), 0});
  for (size_t t = 0; t + 1 < m_tracks.size(); ++t) {
    const auto calls = callsOf.find(m_tracks[t].process);
    for (size_t e = m_tracks[t].firstEvent; e < m_tracks[t + 1].firstEvent; ++e) {
      if (e % kBetweenPolls == 0 && stop.stop_requested()) return std::nullopt;
      const auto id = static_cast<uint64_t>(wanted[e]);
      const EventIndex call = id == 0 || calls == callsOf.end() ? kNoIndex : calls->second.find(id);
      launches.push(call == kNoIndex ? 0 : int64_t{call} + 1);
    }
  }
  return std::move(launches).finish();
}

}  // namespace caracal::trace
