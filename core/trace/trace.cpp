#include "core/trace/trace.h"

#include <algorithm>
#include <array>

namespace caracal::trace {
namespace {

constexpr std::array<std::string_view, 4> kTagNames{"measured", "emulated", "simulated",
                                                    "estimated"};

// What a std::map of texts takes for a pair beside the texts.
constexpr size_t kMapNode = 4 * sizeof(void*) + 2 * sizeof(std::string);

// Memory outside of the string itself; short texts need none.
size_t textOf(const std::string& text) {
  static const size_t kInside = std::string().capacity();
  return text.capacity() > kInside ? text.capacity() + 1 : 0;
}

template <class T>
size_t bytesOf(const std::vector<T>& column) {
  return column.capacity() * sizeof(T);
}

}  // namespace

std::string_view name(Tag tag) {
  return kTagNames[static_cast<size_t>(tag)];
}

std::optional<Tag> tagFromName(std::string_view text) {
  const auto found = std::find(kTagNames.begin(), kTagNames.end(), text);
  if (found == kTagNames.end()) return std::nullopt;
  return static_cast<Tag>(found - kTagNames.begin());
}

std::vector<TrackEvents> trackEventsOf(const std::vector<Track>& tracks) {
  std::vector<TrackEvents> events;
  events.reserve(tracks.size());
  for (const Track& track : tracks) events.push_back({track.firstEvent, track.eventCount});
  return events;
}

TrackIndex Trace::trackOf(EventIndex e) const {
  // Tracks without events share their firstEvent with the next one: take the last that begins at or
  // before e.
  const auto after =
      std::upper_bound(m.tracks.begin(), m.tracks.end(), e,
                       [](EventIndex event, const Track& t) { return event < t.firstEvent; });
  return static_cast<TrackIndex>(after - m.tracks.begin() - 1);
}

int64_t Trace::countOf(EventKind wanted) const {
  int64_t count = 0;
  for (EventIndex e = 0; e < eventCount(); ++e) count += kind(e) == wanted ? 1 : 0;
  return count;
}

std::string Trace::metaOr(const std::string& key, const std::string& fallback) const {
  const auto found = m.meta.find(key);
  return found == m.meta.end() ? fallback : found->second;
}

size_t Trace::memoryBytes() const {
  size_t bytes = sizeof(Trace) + m.events.memoryBytes() + m.activity.memoryBytes() +
                 m.names.memoryBytes() + bytesOf(m.tracks) + bytesOf(m.ranks) + bytesOf(m.groups) +
                 bytesOf(m.counters) + bytesOf(m.flows) + bytesOf(m.report.notes) +
                 textOf(m.format);
  for (const Track& track : m.tracks) bytes += textOf(track.label);
  for (const Rank& rank : m.ranks) {
    bytes += textOf(rank.deviceKey) + textOf(rank.deviceName) + textOf(rank.host) +
             textOf(rank.file) + textOf(rank.foundBy);
  }
  for (const ProcessGroup& group : m.groups)
    bytes += textOf(group.name) + textOf(group.description) + bytesOf(group.ranks);
  for (const CounterSeries& series : m.counters) {
    bytes += textOf(series.name) + textOf(series.unit) + bytesOf(series.timesNs) +
             bytesOf(series.values);
  }
  for (const auto& [key, value] : m.meta) bytes += kMapNode + textOf(key) + textOf(value);
  for (const std::string& note : m.report.notes) bytes += textOf(note);
  return bytes;
}

}  // namespace caracal::trace
