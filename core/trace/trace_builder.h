// TraceBuilder: collects one input's (or one simulation's) events in any order and makes a Trace.
// One builder per file and thread; builders of several files merge into one Trace.
//
// Events are packed in pages as they come (event_stage.h) and put in order, page by page, by
// pack(): each file by its own thread as soon as it is read. Merging then only puts the packed
// columns one behind the other.
#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "core/trace/event_stage.h"
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

  // The event's number in this builder, valid until pack(): for the functions below. Numbers have
  // gaps, and say nothing of the order in the Trace.
  EventIndex add(const NewEvent& event) { return addEvent(event, kNoIndex); }
  EventIndex add(const NewEvent& event, const EventArgs& args) {
    return addEvent(event, m_args.intern(args));
  }
  // Equal arguments are held once.
  void setArgs(EventIndex event, const EventArgs& args);
  EventArgs argsOf(EventIndex event) const;  // defaults when it has none
  void setDuration(EventIndex event, int64_t durationNs);
  int64_t beginOf(EventIndex event) const { return m_stage.beginOf(event); }
  int64_t durationOf(EventIndex event) const { return m_stage[event].durationNs; }
  EventKind kindOf(EventIndex event) const { return m_stage[event].kind; }
  TrackIndex trackOf(EventIndex event) const { return m_stage.trackOf(event); }
  // Gives a correlation to an event that was added without one. Calls may have several.
  void correlate(EventIndex event, uint64_t correlation);
  // Takes an event out again, once; its number stays valid. For few events only.
  void drop(EventIndex event) { m_dropped.push_back(event); }
  // Counts an event that nobody asked for and that is not kept. Until the run is cut it belongs to
  // its range.
  void leaveOut(Span span);
  // First begin to last end of those; begins behind its end when there are none.
  Span leftOutRange() const { return m_leftOut; }
  // Events were left out on the assumption that no file of the run has an earlier one.
  void assumeRunBegin(int64_t timeNs) { m_assumedBeginNs = timeNs; }
  std::optional<int64_t> assumedRunBegin() const { return m_assumedBeginNs; }
  // Of all events, those left out among them; {0, 0} when there are none. REQUIRES isPacked().
  Span range() const { return m_data.range; }
  // Calls visit(event) for every event, in no order. It may change events, not add any.
  template <class Visit>
  void forEachEvent(Visit&& visit) const {
    m_stage.forEach([&](EventIndex event, const StagedEvent&) { visit(event); });
  }
  // Calls visit(number, event) for those of the tracks that takes(track) names.
  template <class Takes, class Visit>
  void forEachEventOf(Takes&& takes, Visit&& visit) const {
    m_stage.forEachOf(takes, visit);
  }
  size_t eventCount() const {
    return m_isPacked ? m_data.events.size() : m_stage.size() - m_dropped.size();
  }
  void addFlow(EventIndex from, EventIndex to, FlowKind kind) {
    m_data.flows.push_back({from, to, kind});
  }

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
  EventIndex addEvent(const NewEvent& event, uint32_t argsRow);
  uint32_t processOf(TrackIndex track) const;
  bool packEvents(const std::stop_token& stop);
  void checkLaunches(const std::stop_token& stop);

  TraceData m_data;
  bool m_isPacked = false;
  EventStage m_stage;
  ArgsTable m_args;
  std::vector<std::pair<EventIndex, uint64_t>> m_moreCorrelations;  // beside the first of a call
  std::vector<EventIndex> m_dropped;
  Span m_leftOut{std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()};
  std::optional<int64_t> m_assumedBeginNs;
};

}  // namespace caracal::trace
