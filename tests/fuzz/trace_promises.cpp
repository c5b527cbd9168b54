#include "tests/fuzz/trace_promises.h"

#include <cstdio>
#include <cstdlib>
#include <limits>

namespace caracal::fuzz {

void require(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

void requireSoundTrace(const trace::Trace& trace) {
  require(!trace.ranks().empty(), "a loaded file has a rank");
  for (const trace::Track& track : trace.tracks()) {
    require(track.rank < trace.ranks().size(), "a track belongs to a rank");
    for (trace::EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
      require(trace.durationNs(e) >= 0, "no event ends before it begins");
      require(e == track.firstEvent || trace.beginNs(e - 1) <= trace.beginNs(e),
              "events are sorted by begin");
      require(trace.nameId(e) < trace.names().size(), "every name is interned");
      if (const auto args = trace.args(e); args && args->group != trace::kNoIndex) {
        require(args->group < trace.processGroups().size(), "a collective's group exists");
      }
    }
  }
}

void requireUsableTrace(const trace::Trace& trace) {
  for (trace::TrackIndex t = 0; t < trace.tracks().size(); ++t) {
    const trace::Track& track = trace.tracks()[t];
    require(track.rank < trace.ranks().size(), "a track belongs to a rank");
    require(trace.activity(t, {0, 1 << 30}).busyNs >= std::numeric_limits<int64_t>::min(),
            "a track can be summarized");
    for (trace::EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
      require(trace.durationNs(e) >= 0, "no event ends before it begins");
      require(trace.nameId(e) < trace.names().size(), "every name is interned");
      require(trace.kind(e) <= trace::EventKind::kOther, "every kind is one");
      require(trace.launch(e) == trace::kNoIndex || trace.launch(e) < trace.eventCount(),
              "a launch is an event");
      const auto args = trace.args(e);
      if (!args) continue;
      require(args->detail < trace.names().size() && args->dtype < trace.names().size(),
              "texts of arguments are interned");
      require(args->group == trace::kNoIndex || args->group < trace.processGroups().size(),
              "a collective's group exists");
    }
  }
}

}  // namespace caracal::fuzz
