#include "core/trace/trace.h"

#include <algorithm>
#include <array>

namespace caracal::trace {
namespace {

constexpr std::array<std::string_view, 4> kTagNames{"measured", "emulated", "simulated",
                                                    "estimated"};

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

std::string_view name(EventKind kind) {
  static constexpr std::array<std::string_view, 18> kNames{
      "kernel",          "memcpy",     "memset",  "graph",   "sync",
      "gpu annotation",  "cuda event", "cpu op",  "runtime", "annotation",
      "python function", "overhead",   "instant", "pass",    "compute",
      "recompute",       "comm",       "other"};
  return kNames[static_cast<size_t>(kind)];
}

std::string_view name(Pass pass) {
  static constexpr std::array<std::string_view, 6> kNames{"", "F", "B", "W", "R", "optimizer"};
  return kNames[static_cast<size_t>(pass)];
}

std::string_view name(CollectiveKind kind) {
  static constexpr std::array<std::string_view, 13> kNames{
      "",         "AllReduce", "AllGather", "ReduceScatter", "Broadcast", "Reduce", "AllToAll",
      "SendRecv", "Send",      "Recv",      "Barrier",       "Wait",      "Generic"};
  return kNames[static_cast<size_t>(kind)];
}

TrackIndex Trace::trackOf(EventIndex e) const {
  // Tracks without events share their firstEvent with the next one: take the last that begins at or
  // before e.
  const auto after =
      std::upper_bound(m_tracks.begin(), m_tracks.end(), e,
                       [](EventIndex event, const Track& t) { return event < t.firstEvent; });
  return static_cast<TrackIndex>(after - m_tracks.begin() - 1);
}

std::string Trace::metaOr(const std::string& key, const std::string& fallback) const {
  const auto found = m_meta.find(key);
  return found == m_meta.end() ? fallback : found->second;
}

size_t Trace::memoryBytes() const {
  size_t bytes = sizeof(Trace) + bytesOf(m_begin) + bytesOf(m_duration) + bytesOf(m_name) +
                 bytesOf(m_launch) + bytesOf(m_argsOf) + bytesOf(m_kind) + bytesOf(m_args) +
                 bytesOf(m_tracks) + bytesOf(m_ranks) + bytesOf(m_groups) + bytesOf(m_flows) +
                 m_names.memoryBytes();
  for (const Track& track : m_tracks) bytes += track.label.capacity();
  for (const CounterSeries& series : m_counters) {
    bytes += sizeof(series) + bytesOf(series.timesNs) + bytesOf(series.values);
  }
  return bytes;
}

}  // namespace caracal::trace
