// TraceBuilder: collects one input's (or one simulation's) events in any order and makes a Trace.
// One builder per file and thread; builders of several files merge into one Trace.
//
// Events are first held as they come, 30 bytes each and more. pack() turns them into the columns
// of a Trace, a third of that: each file is packed by its own thread as soon as it is read, and
// merging then only puts the packed columns one behind the other.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "core/trace/selection.h"
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

// Index of the group, new or equal to one that is there.
uint32_t addGroup(TraceData& data, ProcessGroup group);

class TraceBuilder {
 public:
  NameId intern(std::string_view text) { return m_data.names.intern(text); }
  std::string_view nameOf(NameId id) const { return m_data.names[id]; }

  // Index of the new rank, track or group in this builder.
  uint32_t addRank(Rank rank);
  TrackIndex addTrack(Track track);
  uint32_t addGroup(ProcessGroup group) { return trace::addGroup(m_data, std::move(group)); }
  void addCounter(CounterSeries series) { m_data.counters.push_back(std::move(series)); }
  Rank& rank(uint32_t index) { return m_data.ranks[index]; }
  Track& track(TrackIndex index) { return m_data.tracks[index]; }
  ProcessGroup& group(uint32_t index) { return m_data.groups[index]; }
  // Reorders the ranks so that order[i] is the old index of the new rank i; tracks, counters and
  // hostRank follow. REQUIRES: a permutation of all indices.
  void reorderRanks(const std::vector<uint32_t>& order);
  size_t rankCount() const { return m_data.ranks.size(); }
  size_t trackCount() const { return m_data.tracks.size(); }

  // The index is this builder's own and valid until finish(); pass it to setArgs, addFlow, extend.
  EventIndex add(const NewEvent& event);
  EventIndex add(const NewEvent& event, const EventArgs& args);
  // Equal arguments are held once.
  void setArgs(EventIndex event, const EventArgs& args) {
    m_raw.argsRow[event] = m_args.intern(args);
  }
  EventArgs argsOf(EventIndex event) const;  // defaults when it has none
  void setDuration(EventIndex event, int64_t durationNs) { m_raw.duration[event] = durationNs; }
  int64_t beginOf(EventIndex event) const { return m_raw.begin[event]; }
  int64_t durationOf(EventIndex event) const { return m_raw.duration[event]; }
  EventKind kindOf(EventIndex event) const { return m_raw.kind[event]; }
  TrackIndex trackOf(EventIndex event) const { return m_raw.track[event]; }
  // Gives a correlation to an event that was added without one.
  void correlate(EventIndex event, uint64_t correlation) {
    m_correlations.emplace_back(event, correlation);
  }
  size_t eventCount() const { return m_isPacked ? m_data.events.size() : m_raw.begin.size(); }
  void addFlow(EventIndex from, EventIndex to, FlowKind kind) {
    m_data.flows.push_back({from, to, kind});
  }
  void reserve(size_t events);

  // Shifts every time of this builder (events and counters), to bring files onto one clock.
  void shift(int64_t byNs);

  ImportReport& report() { return m_data.report; }
  std::map<std::string, std::string>& meta() { return m_data.meta; }
  void setTag(Tag tag) { m_data.tag = tag; }
  void setFormat(std::string format) { m_data.format = std::move(format); }

  // Sorts, links launches by (process, correlation) and counts GPU work that has none, packs the
  // columns. From then on only ranks, groups, report and meta may change. False: stopped, and the
  // builder is spent.
  bool pack(const std::stop_token& stop = {});
  bool isPacked() const { return m_isPacked; }

  // pack() and done. The builder is spent.
  std::shared_ptr<const Trace> finish() &&;
  // All builders as one run: ranks in order of rank number (a repeated number gets the next free
  // one, counted), names and groups united, meta of the first that has a key. Packs the builders
  // that are not yet. Null: stopped.
  static std::shared_ptr<const Trace> merge(std::vector<TraceBuilder> builders,
                                            const std::stop_token& stop = {},
                                            const Selection& selection = {});

 private:
  // Events in the order they came.
  struct RawEvents {
    std::vector<int64_t> begin, duration;
    std::vector<NameId> name;
    std::vector<EventKind> kind;
    std::vector<uint32_t> argsRow;  // into m_args
    std::vector<TrackIndex> track;
  };

  std::optional<std::vector<EventIndex>> sortedOrder(const std::stop_token& stop);
  std::optional<std::vector<EventIndex>> linkedLaunches(const std::stop_token& stop);
  bool packEvents(const std::vector<EventIndex>& order, std::vector<EventIndex> launches,
                  const std::stop_token& stop);
  void renumberFlows(const std::vector<EventIndex>& newIndex);

  TraceData m_data;
  bool m_isPacked = false;
  RawEvents m_raw;
  ArgsTable m_args;
  std::vector<std::pair<EventIndex, uint64_t>> m_correlations;
};

}  // namespace caracal::trace
