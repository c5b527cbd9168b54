// EventBlocks: the events of a run as blocks of the timeline, read from the trace's own columns
// when they are drawn and never copied. Immutable; safe to read from any thread.
#pragma once

#include <memory>
#include <vector>

#include "app/ui/timeline/block.h"
#include "core/trace/trace.h"

namespace caracal::ui {

// Colour of a pass; neighbouring micro-batches alternate in shade, so that two in a row read as
// two.
BlockStyle passStyle(trace::Pass pass, int32_t microBatch);

class EventBlocks {
 public:
  // Scene time = trace time + shiftNs.
  EventBlocks(std::shared_ptr<const trace::Trace> trace, int64_t shiftNs);

  const trace::Trace& trace() const { return *m_trace; }
  int64_t shiftNs() const { return m_shiftNs; }
  Span span(trace::EventIndex event) const {
    const int64_t begin = m_trace->beginNs(event) + m_shiftNs;
    return {begin, begin + m_trace->durationNs(event)};
  }
  BlockStyle style(trace::EventIndex event) const {
    return style(event, m_trace->kind(event), m_trace->nameId(event));
  }
  // Of an event whose kind and name are known already.
  BlockStyle style(trace::EventIndex event, trace::EventKind kind, trace::NameId name) const;

 private:
  std::shared_ptr<const trace::Trace> m_trace;
  int64_t m_shiftNs;
  std::vector<bool> m_isComm;  // per name: a communication kernel by the default table
};

// The track's first event that begins at `timeNs` (trace time) or later; one past its last: none.
trace::EventIndex firstFrom(const trace::Trace& trace, const trace::Track& track, int64_t timeNs);

}  // namespace caracal::ui
