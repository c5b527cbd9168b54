// TrackCursor: the events of a stage in order, a heap of the pages that have begun.
#include <algorithm>
#include <numeric>

#include "core/trace/event_stage.h"
#include "core/trace/freed_memory.h"

namespace caracal::trace {
namespace {

constexpr size_t kEventsBetweenTrims = 1 << 18;

// Longer first among those that begin together.
bool isBefore(const StagedEvent& a, const StagedEvent& b) {
  return a.beginNs != b.beginNs ? a.beginNs < b.beginNs : a.durationNs > b.durationNs;
}

}  // namespace

TrackCursor::TrackCursor(EventStage& stage, TrackIndex track) : m_stage(stage) {
  if (track >= stage.m_tracks.size()) return;
  uint32_t turn = 0;
  for (const uint32_t page : stage.m_tracks[track].pages)
    m_waiting.push_back({stage.leastBegin(stage.m_pages[page]), turn++, page});
  std::sort(m_waiting.begin(), m_waiting.end(), [](const Waiting& a, const Waiting& b) {
    return a.beginNs != b.beginNs ? a.beginNs > b.beginNs : a.turn > b.turn;
  });
  stage.m_tracks[track] = {};
}

bool TrackCursor::later(const Run& a, const Run& b) {
  if (a.head.beginNs != b.head.beginNs) return a.head.beginNs > b.head.beginNs;
  if (a.head.durationNs != b.head.durationNs) return a.head.durationNs < b.head.durationNs;
  return a.turn > b.turn;
}

void TrackCursor::readHead(Run& run) const {
  const size_t place = run.order.empty() ? run.done : run.order[run.done];
  run.e = static_cast<EventIndex>(run.page << EventStage::kPageBits | place);
  run.head = run.events.empty() ? m_stage[run.e] : run.events[place];
}

void TrackCursor::begin(const Waiting& waiting) {
  Run run{.page = waiting.page, .turn = waiting.turn};
  EventStage::eventsOf(m_stage.m_pages[run.page], run.events);
  const std::vector<StagedEvent>& events = run.events;
  if (!std::is_sorted(events.begin(), events.end(), isBefore)) {
    run.order.resize(events.size());
    std::iota(run.order.begin(), run.order.end(), uint8_t{0});
    std::stable_sort(run.order.begin(), run.order.end(),
                     [&](uint8_t a, uint8_t b) { return isBefore(events[a], events[b]); });
  }
  if (m_runs.size() >= kMostUnpacked) run.events = std::vector<StagedEvent>();
  readHead(run);
  m_runs.push_back(std::move(run));
  std::push_heap(m_runs.begin(), m_runs.end(), later);
}

void TrackCursor::sinkFirst() {
  for (size_t at = 0;;) {
    size_t first = at;
    for (const size_t below : {2 * at + 1, 2 * at + 2}) {
      if (below < m_runs.size() && later(m_runs[first], m_runs[below])) first = below;
    }
    if (first == at) return;
    std::swap(m_runs[at], m_runs[first]);
    at = first;
  }
}

void TrackCursor::release(uint32_t page) {
  m_freed += m_stage.m_pages[page].count;
  m_stage.m_pages[page] = {};
  if (m_freed < kEventsBetweenTrims) return;
  m_freed = 0;
  giveBackFreedMemory();
}

bool TrackCursor::next(EventIndex& e, StagedEvent& event) {
  // A page whose first event comes no later than all that are open must be open too.
  while (!m_waiting.empty() &&
         (m_runs.empty() || m_waiting.back().beginNs <= m_runs.front().head.beginNs)) {
    const Waiting waiting = m_waiting.back();
    m_waiting.pop_back();
    begin(waiting);
  }
  if (m_runs.empty()) return false;
  Run& run = m_runs.front();
  e = run.e;
  event = run.head;
  if (++run.done == m_stage.m_pages[run.page].count) {
    release(run.page);
    std::swap(run, m_runs.back());
    m_runs.pop_back();
  } else {
    readHead(run);
  }
  sinkFirst();
  return true;
}

}  // namespace caracal::trace
