#include "core/profile/pass_spread.h"

#include <algorithm>
#include <utility>

#include "core/base/statistics.h"

namespace caracal::profile {
namespace {

using trace::EventKind;
using trace::Pass;

struct Work {
  int64_t recordedNs = 0;
  int64_t mediansNs = 0;
  double ratio() const {
    return mediansNs == 0 ? 1 : static_cast<double>(recordedNs) / static_cast<double>(mediansNs);
  }
};

bool samePass(const trace::EventArgs& a, const trace::EventArgs& b) {
  return a.step == b.step && a.pass == b.pass && a.microBatch == b.microBatch && a.chunk == b.chunk;
}

class SpreadMeter {
 public:
  SpreadMeter(const trace::Trace& trace, const std::set<int32_t>& steps,
              const std::map<OperatorKey, Samples>& operators)
      : m_trace(trace), m_steps(steps) {
    for (const auto& [key, samples] : operators) m_mediansNs[key] = median(samples.durationsNs);
  }

  PassSpread run(TransferSpans explained) {
    for (const trace::Track& track : m_trace.tracks()) readTrack(track, explained[track.rank]);
    for (auto& [place, spans] : m_gaps) {
      const auto& [rank, forward] = place;
      const SpanSet waits = subtract(SpanSet(std::move(spans)), SpanSet(explained[rank]));
      (forward ? m_forward : m_backward).recordedNs += waits.lengthNs();
    }
    return {m_forward.ratio(), m_backward.ratio()};
  }

 private:
  void readTrack(const trace::Track& track, std::vector<Span>& explained) {
    trace::EventArgs before;  // of the operator before
    int64_t freeNs = 0;       // since when nothing has run on the track
    for (trace::EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
      const Span span = m_trace.span(e);
      const auto args = m_trace.args(e);
      const bool counts = args && m_steps.count(args->step) > 0;
      if (m_trace.kind(e) == EventKind::kRecompute) {
        explained.push_back(span);
        freeNs = span.endNs;
      }
      if (m_trace.kind(e) != EventKind::kCompute || !counts) continue;
      if (args->pass != Pass::kOptimizer) {
        const bool forward = args->pass == Pass::kForward;
        Work& work = forward ? m_forward : m_backward;
        work.recordedNs += span.lengthNs();
        work.mediansNs += m_mediansNs.at(operatorKeyOf(*args, m_trace.name(e)));
        if (samePass(*args, before))
          m_gaps[{track.rank, forward}].push_back({freeNs, span.beginNs});
      }
      before = *args;
      freeNs = span.endNs;
    }
  }

  const trace::Trace& m_trace;
  const std::set<int32_t>& m_steps;
  std::map<OperatorKey, int64_t> m_mediansNs;
  Work m_forward, m_backward;
  std::map<std::pair<uint32_t, bool>, std::vector<Span>> m_gaps;  // by rank, forward or not
};

}  // namespace

PassSpread passSpread(const trace::Trace& trace, const std::set<int32_t>& steps,
                      const std::map<OperatorKey, Samples>& operators, TransferSpans transfers) {
  return SpreadMeter(trace, steps, operators).run(std::move(transfers));
}

}  // namespace caracal::profile
