#include "tests/fuzz/trace_promises.h"

#include <cstdio>
#include <cstdlib>

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

}  // namespace caracal::fuzz
