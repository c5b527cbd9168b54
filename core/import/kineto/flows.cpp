#include "core/import/kineto/flows.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "core/import/chrome/decimal.h"
#include "core/import/kineto/categories.h"

namespace caracal::import::kineto {
namespace {

using trace::Defect;
using trace::EventIndex;
using trace::EventKind;
using trace::TraceBuilder;
using trace::TrackIndex;

// How far back an event that encloses a time is looked for among those that began before it.
constexpr int kMostSteps = 1000;

// The events of one kind, row by row, sorted so that enclosing ones come first.
class EventsByRow {
 public:
  EventsByRow(const TraceBuilder& builder, EventKind kind) : m_builder(builder) {
    builder.forEachEvent([&](EventIndex e) {
      if (builder.kindOf(e) == kind) m_rows[builder.trackOf(e)].push_back(e);
    });
    for (auto& [row, events] : m_rows) {
      std::sort(events.begin(), events.end(), [&](EventIndex a, EventIndex b) {
        if (builder.beginOf(a) != builder.beginOf(b))
          return builder.beginOf(a) < builder.beginOf(b);
        return builder.durationOf(a) > builder.durationOf(b);
      });
    }
  }

  // The innermost event of the row that runs at this time; kNoIndex when there is none.
  EventIndex at(TrackIndex row, int64_t timeNs) const {
    const auto found = m_rows.find(row);
    if (found == m_rows.end()) return trace::kNoIndex;
    const std::vector<EventIndex>& events = found->second;
    auto after =
        std::upper_bound(events.begin(), events.end(), timeNs,
                         [&](int64_t time, EventIndex e) { return time < m_builder.beginOf(e); });
    for (int step = 0; after != events.begin() && step < kMostSteps; ++step) {
      --after;
      if (m_builder.beginOf(*after) + m_builder.durationOf(*after) >= timeNs) return *after;
    }
    return trace::kNoIndex;
  }

 private:
  const TraceBuilder& m_builder;
  std::unordered_map<TrackIndex, std::vector<EventIndex>> m_rows;
};

}  // namespace

void Flows::Ends::push(const End& end) {
  m_ids.push(static_cast<int64_t>(end.id));
  m_times.push(end.timeNs);
  m_processes.push(end.place.process);
  m_threads.push(end.place.thread);
}

template <class Visit>
void Flows::Ends::drain(Visit&& visit) {
  const auto ids = std::move(m_ids).finish();
  const auto times = std::move(m_times).finish();
  const auto processes = std::move(m_processes).finish();
  const auto threads = std::move(m_threads).finish();
  for (size_t i = 0; i < ids.size(); ++i)
    visit(End{static_cast<uint64_t>(ids[i]), times[i], {processes[i], threads[i]}});
  *this = {};
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
  Category& ends = category == FlowCategory::kLaunch ? m_launches : m_forwardBackward;
  (event.phase == 's' ? ends.starts : ends.finishes).push({*id, *time, rows.placeOf(event)});
}

void Flows::linkLaunches(const Rows& rows, TraceBuilder& builder) {
  if (m_unlinked.empty()) {
    m_launches = {};
    return;
  }
  const EventsByRow calls(builder, EventKind::kRuntime);
  m_launches.starts.drain([&](const End& end) {
    const EventIndex call = calls.at(rows.find(RowKind::kHost, end.place), end.timeNs);
    if (call != trace::kNoIndex) builder.correlate(call, end.id);
  });
  std::map<std::pair<TrackIndex, int64_t>, uint64_t> ends;
  m_launches.finishes.drain([&](const End& end) {
    ends.emplace(std::pair{rows.find(RowKind::kGpu, end.place), end.timeNs}, end.id);
  });
  for (const EventIndex work : m_unlinked) {
    const auto found = ends.find({builder.trackOf(work), builder.beginOf(work)});
    if (found != ends.end()) builder.correlate(work, found->second);
  }
}

void Flows::addForwardBackward(const Rows& rows, TraceBuilder& builder) {
  if (m_forwardBackward.starts.empty() || m_forwardBackward.finishes.empty()) return;
  const EventsByRow operators(builder, EventKind::kCpuOp);
  std::unordered_map<uint64_t, EventIndex> starts;
  const auto operatorAt = [&](const End& end) {
    return operators.at(rows.find(RowKind::kHost, end.place), end.timeNs);
  };
  m_forwardBackward.starts.drain([&](const End& end) { starts.emplace(end.id, operatorAt(end)); });
  m_forwardBackward.finishes.drain([&](const End& end) {
    const auto start = starts.find(end.id);
    const EventIndex to = operatorAt(end);
    if (start == starts.end() || start->second == trace::kNoIndex || to == trace::kNoIndex) return;
    builder.addFlow(start->second, to, trace::FlowKind::kForwardBackward);
  });
}

void Flows::resolve(const Rows& rows, TraceBuilder& builder) {
  linkLaunches(rows, builder);
  addForwardBackward(rows, builder);
}

}  // namespace caracal::import::kineto
