#include "core/import/nsys/caracal_ranges.h"

#include <algorithm>

#include "core/import/nsys/caracal_labels.h"

namespace caracal::import::nsys {

using trace::EventArgs;
using trace::EventIndex;
using trace::EventKind;
using trace::TrackKind;

EventIndex CaracalRanges::add(int64_t globalTid, std::string_view text, Times times, End end) {
  const CaracalLabel label = parseCaracalLabel(text);
  TrackDirectory& tracks = m_reading.tracks;
  const uint32_t rank = tracks.rankOfThread(globalTid);
  trace::NewEvent event{
      .kind = EventKind::kAnnotation, .beginNs = times.beginNs, .durationNs = times.durationNs};
  EventArgs args;
  switch (label.role) {
    case CaracalLabel::Role::kStep:
      event.track = tracks.lane(rank, TrackKind::kOther, "steps");
      event.name = m_builder.intern(text);
      args.step = label.number;
      break;
    case CaracalLabel::Role::kPass:
      event.track = tracks.lane(rank, TrackKind::kPassLane, "passes");
      event.kind = EventKind::kPass;
      event.name = m_builder.intern(trace::name(label.pass));
      args.pass = label.pass;
      args.microBatch = label.number;
      args.stage = label.stage;
      args.chunk = static_cast<decltype(args.chunk)>(label.chunk);
      break;
    case CaracalLabel::Role::kLayer:
    case CaracalLabel::Role::kOther:
      event.track = tracks.thread(globalTid);
      event.name = m_builder.intern(text);
      args.layer = label.number;
      break;
  }
  const bool mayBeCut = end == End::kKnown && label.role != CaracalLabel::Role::kStep;
  if (mayBeCut && isLeftOut(m_reading, times)) return trace::kNoIndex;
  // Operators and windows stand in CARACAL_CPU_OP with all that is known of them: no arguments
  // here.
  if (label.role == CaracalLabel::Role::kOther) return m_builder.add(event);
  const EventIndex index = m_builder.add(event, args);
  if (label.role == CaracalLabel::Role::kStep) {
    m_steps[rank].push_back({index, label.number});
  } else {
    m_inSteps.emplace_back(index, rank);
  }
  return index;
}

int32_t CaracalRanges::stepAt(uint32_t rank, int64_t timeNs) const {
  const auto steps = m_steps.find(rank);
  if (steps == m_steps.end()) return -1;
  const auto after = std::upper_bound(
      steps->second.begin(), steps->second.end(), timeNs,
      [&](int64_t time, const StepEvent& step) { return time < m_builder.beginOf(step.event); });
  if (after == steps->second.begin()) return -1;
  const StepEvent& step = *std::prev(after);
  const bool inside = timeNs < m_builder.beginOf(step.event) + m_builder.durationOf(step.event);
  return inside ? step.step : -1;
}

void CaracalRanges::assignSteps() {
  for (auto& [rank, steps] : m_steps) {
    std::sort(steps.begin(), steps.end(), [&](const StepEvent& a, const StepEvent& b) {
      return m_builder.beginOf(a.event) < m_builder.beginOf(b.event);
    });
  }
  for (const auto& [event, rank] : m_inSteps) {
    const int32_t step = stepAt(rank, m_builder.beginOf(event));
    if (step < 0) continue;
    EventArgs args = m_builder.argsOf(event);
    args.step = step;
    m_builder.setArgs(event, args);
  }
}

}  // namespace caracal::import::nsys
