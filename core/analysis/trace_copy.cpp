#include "core/analysis/trace_copy.h"

#include <vector>

#include "core/trace/polled_range.h"

namespace caracal::analysis {
namespace {

using trace::EventIndex;
using trace::kNoIndex;
using trace::Trace;
using trace::TraceBuilder;

std::vector<trace::NameId> copyNames(const Trace& trace, TraceBuilder& builder) {
  std::vector<trace::NameId> names;
  for (trace::NameId id = 0; id < trace.names().size(); ++id)
    names.push_back(builder.intern(trace.names()[id]));
  return names;
}

// Launches are joined by a number of their own: the index of the call, plus one.
std::vector<bool> launchingCalls(const Trace& trace, const std::stop_token& stop) {
  std::vector<bool> launching(trace.eventCount());
  for (const EventIndex e : trace::eventsOf(trace, stop)) {
    const EventIndex launch = trace.launch(e);
    if (launch != kNoIndex) launching[launch] = true;
  }
  return launching;
}

// The copies' numbers in the builder, by event.
std::vector<EventIndex> copyEvents(const Trace& trace, const TimeMap& map, const ArgsMap& argsMap,
                                   const std::stop_token& stop, TraceBuilder& builder) {
  const std::vector<trace::NameId> names = copyNames(trace, builder);
  const std::vector<bool> launching = launchingCalls(trace, stop);
  std::vector<EventIndex> copies;
  if (!trace::polledResize(copies, trace.eventCount(), EventIndex{0}, stop)) return copies;
  for (trace::TrackIndex t = 0; t < trace.tracks().size(); ++t) {
    if (stop.stop_requested()) return copies;
    const trace::Track& track = trace.tracks()[t];
    for (const EventIndex e : trace::eventsOf(track, stop)) {
      const int64_t beginNs = map(track.rank, trace.beginNs(e));
      const EventIndex launch = launching[e] ? e : trace.launch(e);
      copies[e] = builder.add({t, trace.kind(e), names[trace.nameId(e)], beginNs,
                               map(track.rank, trace.endNs(e)) - beginNs,
                               launch == kNoIndex ? 0 : uint64_t{launch} + 1});
      const auto args = argsMap ? argsMap(e, trace.args(e)) : trace.args(e);
      if (!args) continue;
      trace::EventArgs own = *args;
      own.dtype = names[own.dtype];
      own.detail = names[own.detail];
      builder.setArgs(copies[e], own);
    }
  }
  return copies;
}

}  // namespace

TraceBuilder copyTrace(const Trace& trace, const TimeMap& map, const ArgsMap& args,
                       const std::stop_token& stop) {
  TraceBuilder builder;
  for (const trace::Rank& rank : trace.ranks()) builder.addRank(rank);
  for (const trace::ProcessGroup& group : trace.processGroups()) builder.addGroup(group);
  for (const trace::Track& track : trace.tracks()) builder.addTrack(track);
  const std::vector<EventIndex> copies = copyEvents(trace, map, args, stop, builder);
  if (stop.stop_requested()) return builder;
  for (trace::CounterSeries series : trace.counters()) {
    for (int64_t& timeNs : series.timesNs) timeNs = map(series.rank, timeNs);
    builder.addCounter(std::move(series));
  }
  for (const size_t i : trace::placesOf(trace.flows(), stop)) {
    const trace::Flow& flow = trace.flows()[i];
    builder.addFlow(copies[flow.from], copies[flow.to], flow.kind);
  }
  builder.report() = trace.report();
  // finish() counts these again.
  builder.report().counts[static_cast<size_t>(trace::Defect::kGpuWorkWithoutLaunch)] = 0;
  builder.meta() = trace.meta();
  builder.setTag(trace.tag());
  builder.setFormat(trace.format());
  return builder;
}

}  // namespace caracal::analysis
