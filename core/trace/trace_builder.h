// TraceBuilder: collects one input's (or one simulation's) events in any order and makes a Trace.
// One builder per file and thread; builders of several files merge into one Trace.
#pragma once

#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/trace/trace.h"

namespace caracal::trace {

struct NewEvent {
  TrackIndex track = 0;
  EventKind kind = EventKind::kOther;
  NameId name = 0;
  int64_t beginNs = 0;
  int64_t durationNs = 0;  // REQUIRES >= 0
  uint64_t correlation =
      0;  // joins GPU work with its kRuntime launch inside one Track::process; 0 = none
};

class TraceBuilder {
 public:
  NameId intern(std::string_view text) { return m_trace.m_names.intern(text); }
  std::string_view nameOf(NameId id) const { return m_trace.m_names[id]; }

  // Index of the new rank, track or group in this builder.
  uint32_t addRank(Rank rank);
  TrackIndex addTrack(Track track);
  uint32_t addGroup(ProcessGroup group);
  void addCounter(CounterSeries series) { m_trace.m_counters.push_back(std::move(series)); }
  Rank& rank(uint32_t index) { return m_trace.m_ranks[index]; }
  Track& track(TrackIndex index) { return m_trace.m_tracks[index]; }
  ProcessGroup& group(uint32_t index) { return m_trace.m_groups[index]; }
  // Reorders the ranks so that order[i] is the old index of the new rank i; tracks, counters and
  // hostRank follow. REQUIRES: a permutation of all indices.
  void reorderRanks(const std::vector<uint32_t>& order);
  size_t rankCount() const { return m_trace.m_ranks.size(); }
  size_t trackCount() const { return m_trace.m_tracks.size(); }

  // The index is this builder's own and valid until finish(); pass it to setArgs, addFlow, extend.
  EventIndex add(const NewEvent& event);
  EventIndex add(const NewEvent& event, const EventArgs& args);
  void setArgs(EventIndex event, const EventArgs& args);
  // As setArgs, for arguments that many events have alike (the launch shape of a kernel): equal
  // ones are held once.
  void shareArgs(EventIndex event, const EventArgs& args);
  EventArgs argsOf(EventIndex event) const;  // defaults when it has none
  void setDuration(EventIndex event, int64_t durationNs) { m_trace.m_duration[event] = durationNs; }
  int64_t beginOf(EventIndex event) const { return m_trace.m_begin[event]; }
  int64_t durationOf(EventIndex event) const { return m_trace.m_duration[event]; }
  EventKind kindOf(EventIndex event) const { return m_trace.m_kind[event]; }
  TrackIndex trackOf(EventIndex event) const { return m_trackOf[event]; }
  // Gives a correlation to an event that was added without one.
  void correlate(EventIndex event, uint64_t correlation) {
    m_correlations.emplace_back(event, correlation);
  }
  size_t eventCount() const { return m_trace.m_begin.size(); }
  void addFlow(EventIndex from, EventIndex to, FlowKind kind) {
    m_trace.m_flows.push_back({from, to, kind});
  }
  void reserve(size_t events);

  // Shifts every time of this builder (events and counters), to bring files onto one clock.
  void shift(int64_t byNs);

  ImportReport& report() { return m_trace.m_report; }
  std::map<std::string, std::string>& meta() { return m_trace.m_meta; }
  void setTag(Tag tag) { m_trace.m_tag = tag; }
  void setFormat(std::string format) { m_trace.m_format = std::move(format); }

  // Sorts, links launches by (process, correlation) and counts GPU work that has none, computes the
  // range. The builder is spent.
  std::shared_ptr<const Trace> finish() &&;
  // All builders as one run: ranks in order of rank number (a repeated number gets the next free
  // one, counted), names and groups united, meta of the first that has a key.
  static std::shared_ptr<const Trace> merge(std::vector<TraceBuilder> builders);

 private:
  void append(TraceBuilder&& other);
  void linkLaunches();
  void sortEvents();

  Trace m_trace;
  std::vector<TrackIndex> m_trackOf;  // per event
  std::vector<std::pair<EventIndex, uint64_t>> m_correlations;
  struct ArgsHash {
    size_t operator()(const EventArgs& args) const;
  };
  std::unordered_map<EventArgs, uint32_t, ArgsHash> m_sharedArgs;  // slot of each
  std::vector<bool> m_isShared;                                    // per slot, as far as it goes
};

}  // namespace caracal::trace
