// EarlyCut: what a reader may leave out before it has seen the whole run: events that end before
// Selection::fromNs, which counts from the first event of all files. A reader knows the first event
// of its own file at best, so the cut assumes that the run begins no earlier than some time before
// that and says so to the builder; import::loadTraces() reads a file again, without a cut, when
// another file proves it wrong.
#pragma once

#include <algorithm>
#include <optional>

#include "core/trace/selection.h"
#include "core/trace/trace_builder.h"

namespace caracal::trace {

class EarlyCut {
 public:
  EarlyCut() = default;  // cuts nothing
  // Cuts nothing until the run has begun, and never when a part without a begin is asked for.
  explicit EarlyCut(const Selection& selection)
      : m_fromNs(std::clamp<int64_t>(selection.fromNs.value_or(0), 0, int64_t{1} << 61)) {}
  bool awaitsBegin() const { return m_fromNs > 0 && !m_beforeNs; }
  // `firstNs`: the begin of the first event that the reader knows of.
  void runBegins(int64_t firstNs, TraceBuilder& builder) {
    // A quarter of what is asked away: other ranks may begin that much earlier, and events of a
    // file need not come in order.
    const int64_t assumedNs = firstNs - m_fromNs / 4;
    builder.assumeRunBegin(assumedNs);
    m_beforeNs = assumedNs + m_fromNs;
  }
  bool takes(Span span) const {
    return !m_beforeNs || span.endNs > *m_beforeNs || span.beginNs >= *m_beforeNs;
  }

 private:
  int64_t m_fromNs = 0;
  std::optional<int64_t> m_beforeNs;  // what ends before this is left out
};

}  // namespace caracal::trace
