#include "core/import/kineto/flows.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "core/import/chrome/decimal.h"
#include "core/import/kineto/categories.h"
#include "core/trace/polled_sort.h"

namespace caracal::import::kineto {
namespace {

using trace::Defect;
using trace::EventIndex;
using trace::EventKind;
using trace::TraceBuilder;
using trace::TrackIndex;

// Stands for the events that were left out.
constexpr EventIndex kLeftOut = trace::kNoIndex - 1;

// How many places one event is looked at for: inside those that enclose more there are others.
constexpr int kMostSteps = 1000;

// A time on a row, and the innermost event that runs there.
struct Place {
  uint64_t id = 0;
  TrackIndex row = trace::kNoIndex;
  int64_t timeNs = 0;
  EventIndex event = trace::kNoIndex;
  int64_t beginNs = 0;
  int64_t durationNs = 0;

  void offer(EventIndex e, chrome::EventTime candidate) {
    const bool inner = event == trace::kNoIndex || candidate.beginNs > beginNs ||
                       (candidate.beginNs == beginNs && candidate.durationNs < durationNs);
    if (!inner) return;
    event = e;
    beginNs = candidate.beginNs;
    durationNs = candidate.durationNs;
  }
  bool hasEvent() const { return event != trace::kNoIndex && event != kLeftOut; }
};

bool isBefore(const Place& a, const Place& b) {
  return a.row != b.row ? a.row < b.row : a.timeNs < b.timeNs;
}

// Offers an event to the places on its row that lie inside it. REQUIRES places in order.
void offerTo(std::vector<Place>& places, TrackIndex row, EventIndex e, chrome::EventTime time) {
  const Place first{.row = row, .timeNs = time.beginNs};
  auto at = std::lower_bound(places.begin(), places.end(), first, isBefore);
  const int64_t endNs = time.beginNs + time.durationNs;
  for (int step = 0;
       step < kMostSteps && at != places.end() && at->row == row && at->timeNs <= endNs; ++step) {
    (at++)->offer(e, time);
  }
}

// Finds the events of one kind for all places, which are put in order of row and time; fewer when
// stopped.
void findEvents(std::vector<Place>& places, EventKind kind, const TraceBuilder& builder,
                const std::stop_token& stop) {
  std::stable_sort(places.begin(), places.end(), isBefore);
  std::vector<bool> rows(builder.trackCount());
  for (const Place& place : places) {
    if (place.row != trace::kNoIndex) rows[place.row] = true;
  }
  builder.forEachEventOf(
      [&](TrackIndex row) { return rows[row] && !stop.stop_requested(); },
      [&](EventIndex e, const trace::StagedEvent& event) {
        if (event.kind == kind)
          offerTo(places, builder.trackOf(e), e, {event.beginNs, event.durationNs});
      });
}

}  // namespace

void Flows::Ends::push(const End& end) {
  m_ids.push(static_cast<int64_t>(end.id));
  m_times.push(end.timeNs);
  m_processes.push(end.place.process);
  m_threads.push(end.place.thread);
}

template <class Visit>
void Flows::Ends::drain(const std::stop_token& stop, Visit&& visit) {
  const auto ids = std::move(m_ids).finish();
  const auto times = std::move(m_times).finish();
  const auto processes = std::move(m_processes).finish();
  const auto threads = std::move(m_threads).finish();
  for (size_t i = 0; i < ids.size(); ++i) {
    if (i % trace::kBetweenPolls == 0 && stop.stop_requested()) break;
    visit(End{static_cast<uint64_t>(ids[i]), times[i], {processes[i], threads[i]}});
  }
  *this = {};
}

// Whether the end of a launch flow belongs to a call or to work that has the flow's id itself.
bool Flows::isKnown(const chrome::ChromeEvent& event, uint64_t id, int64_t timeNs) const {
  if (id == 0) return false;
  if (event.phase != 's') return id == m_lastWork;
  const chrome::EventTime& call = m_lastCall.time;
  return id == m_lastCall.correlation && timeNs >= call.beginNs &&
         timeNs - call.beginNs <= call.durationNs;
}

void Flows::add(const chrome::ChromeEvent& event, Rows& rows, trace::ImportReport& report) {
  const FlowCategory category = flowCategoryOf(event.category);
  if (category == FlowCategory::kOther || event.phase == 't') return;
  const auto time = chrome::beginOf(event, report);
  if (!time) return;
  const auto id = chrome::unsignedInteger(event.id);
  if (!id) {
    report.count(Defect::kBadNumber);
    return;
  }
  if (category == FlowCategory::kLaunch && isKnown(event, *id, *time)) return;
  Category& ends = category == FlowCategory::kLaunch ? m_launches : m_forwardBackward;
  (event.phase == 's' ? ends.starts : ends.finishes).push({*id, *time, rows.placeOf(event)});
}

void Flows::noteLeftOut(TrackIndex row, chrome::EventTime time) {
  m_leftOut.rows.push(row);
  m_leftOut.begins.push(time.beginNs);
  m_leftOut.durations.push(time.durationNs);
}

// The ids of the flows that end at work without a correlation id, which gets them.
std::vector<uint64_t> Flows::correlateWork(const Rows& rows, TraceBuilder& builder,
                                           const std::stop_token& stop) {
  std::map<std::pair<TrackIndex, int64_t>, uint64_t> ends;
  for (const EventIndex work : m_unlinked)
    ends.emplace(std::pair{builder.trackOf(work), builder.beginOf(work)}, 0);
  m_launches.finishes.drain(stop, [&](const End& end) {
    const auto found = ends.find({rows.find(RowKind::kGpu, end.place), end.timeNs});
    if (found != ends.end() && found->second == 0) found->second = end.id;
  });
  std::vector<uint64_t> ids;
  for (const EventIndex work : m_unlinked) {
    const uint64_t id = ends[{builder.trackOf(work), builder.beginOf(work)}];
    if (id == 0) continue;
    builder.correlate(work, id);
    ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

void Flows::linkLaunches(const Rows& rows, TraceBuilder& builder, const std::stop_token& stop) {
  const std::vector<uint64_t> ids = correlateWork(rows, builder, stop);
  std::vector<Place> starts;
  m_launches.starts.drain(stop, [&](const End& end) {
    if (std::binary_search(ids.begin(), ids.end(), end.id))
      starts.push_back({end.id, rows.find(RowKind::kHost, end.place), end.timeNs});
  });
  if (starts.empty()) return;
  findEvents(starts, EventKind::kRuntime, builder, stop);
  for (const Place& start : starts) {
    if (start.hasEvent()) builder.correlate(start.event, start.id);
  }
}

void Flows::addForwardBackward(const Rows& rows, TraceBuilder& builder,
                               const std::stop_token& stop) {
  if (m_forwardBackward.starts.empty() || m_forwardBackward.finishes.empty()) return;
  const auto leftOutRows = std::move(m_leftOut.rows).finish();
  const auto begins = std::move(m_leftOut.begins).finish();
  const auto durations = std::move(m_leftOut.durations).finish();
  std::unordered_map<uint64_t, EventIndex> operators;  // of the starts
  const auto placesOf = [&](Ends& ends) {
    std::vector<Place> places;
    ends.drain(stop, [&](const End& end) {
      places.push_back({end.id, rows.find(RowKind::kHost, end.place), end.timeNs});
    });
    findEvents(places, EventKind::kCpuOp, builder, stop);
    for (size_t i = 0; i < leftOutRows.size() && !stop.stop_requested(); ++i)
      offerTo(places, static_cast<TrackIndex>(leftOutRows[i]), kLeftOut, {begins[i], durations[i]});
    return places;
  };
  for (const Place& start : placesOf(m_forwardBackward.starts)) {
    if (start.hasEvent()) operators.emplace(start.id, start.event);
  }
  for (const Place& finish : placesOf(m_forwardBackward.finishes)) {
    const auto start = operators.find(finish.id);
    if (start == operators.end() || !finish.hasEvent()) continue;
    builder.addFlow(start->second, finish.event, trace::FlowKind::kForwardBackward);
  }
}

void Flows::resolve(const Rows& rows, TraceBuilder& builder, const std::stop_token& stop) {
  if (!m_unlinked.empty()) linkLaunches(rows, builder, stop);
  m_launches = {};
  addForwardBackward(rows, builder, stop);
}

}  // namespace caracal::import::kineto
