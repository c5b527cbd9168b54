// A simulated trace rewritten as a recording: the same events under format "caracal", preceded by a
// warm-up step that takes twice as long, with the model description that recordings carry.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/trace/args_of.h"
#include "core/trace/trace_builder.h"

namespace caracal::profile::fixture {

inline void copyStep(const trace::Trace& from, int32_t step, int64_t offsetNs, int64_t stretch,
                     trace::TraceBuilder& to) {
  for (trace::TrackIndex t = 0; t < from.tracks().size(); ++t) {
    const trace::Track& track = from.tracks()[t];
    for (trace::EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
      trace::EventArgs args = trace::argsOf(from, e);
      args.step = step;
      to.add({t, from.kind(e), to.intern(from.name(e)), offsetNs + stretch * from.beginNs(e),
              stretch * from.durationNs(e)},
             args);
    }
  }
}

inline std::shared_ptr<const trace::Trace> asRecording(const trace::Trace& simulated,
                                                       std::string_view modelJson) {
  trace::TraceBuilder builder;
  for (const trace::Rank& rank : simulated.ranks()) builder.addRank(rank);
  for (const trace::Track& track : simulated.tracks()) builder.addTrack(track);
  for (const trace::CounterSeries& series : simulated.counters()) builder.addCounter(series);
  builder.meta() = simulated.meta();
  builder.meta()["model"] = std::string(modelJson);
  builder.setFormat("caracal");
  builder.setTag(trace::Tag::kEmulated);
  const int64_t warmupEndNs = 2 * simulated.range().endNs;
  copyStep(simulated, 0, 0, 2, builder);
  copyStep(simulated, 1, warmupEndNs, 1, builder);
  return std::move(builder).finish();
}

}  // namespace caracal::profile::fixture
