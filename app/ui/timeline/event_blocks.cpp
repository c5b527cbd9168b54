#include "app/ui/timeline/event_blocks.h"

#include "core/analysis/comm_names.h"

namespace caracal::ui {
namespace {

using trace::EventKind;

uint8_t shadeOf(trace::NameId name) {
  return static_cast<uint8_t>((name * 2654435761U) >> 30);
}

Paint paintOfPass(trace::Pass pass) {
  switch (pass) {
    case trace::Pass::kForward:
      return Paint::kForward;
    case trace::Pass::kBackward:
      return Paint::kBackward;
    case trace::Pass::kWeight:
      return Paint::kWeight;
    case trace::Pass::kRecompute:
      return Paint::kRecompute;
    case trace::Pass::kOptimizer:
      return Paint::kCompute;
    case trace::Pass::kNone:
      break;
  }
  return Paint::kOther;
}

Paint paintOfKind(EventKind kind) {
  switch (kind) {
    case EventKind::kKernel:
    case EventKind::kGraph:
    case EventKind::kCompute:
      return Paint::kCompute;
    case EventKind::kMemcpy:
    case EventKind::kMemset:
      return Paint::kCopy;
    case EventKind::kGpuAnnotation:
    case EventKind::kAnnotation:
      return Paint::kAnnotation;
    case EventKind::kCpuOp:
      return Paint::kHostOp;
    case EventKind::kRuntime:
      return Paint::kHostCall;
    case EventKind::kPythonFunction:
      return Paint::kPython;
    case EventKind::kOverhead:
      return Paint::kOverhead;
    case EventKind::kRecompute:
      return Paint::kRecompute;
    case EventKind::kComm:
      return Paint::kComm;
    default:
      return Paint::kOther;
  }
}

}  // namespace

BlockStyle passStyle(trace::Pass pass, int32_t microBatch) {
  return {paintOfPass(pass), static_cast<uint8_t>(microBatch >= 0 ? microBatch & 1 : 0)};
}

EventBlocks::EventBlocks(std::shared_ptr<const trace::Trace> trace, int64_t shiftNs)
    : m_trace(std::move(trace)), m_shiftNs(shiftNs), m_isComm(m_trace->names().size()) {
  const analysis::CommNames comm;
  for (trace::NameId id = 0; id < m_isComm.size(); ++id)
    m_isComm[id] = comm.matches(m_trace->names()[id]);
}

BlockStyle EventBlocks::style(trace::EventIndex event, EventKind kind, trace::NameId name) const {
  if (kind == EventKind::kPass || kind == EventKind::kCompute) {
    const auto args = m_trace->args(event);
    if (args && args->pass != trace::Pass::kNone) return passStyle(args->pass, args->microBatch);
  }
  const bool comm = kind == EventKind::kKernel && m_isComm[name];
  return {comm ? Paint::kComm : paintOfKind(kind), shadeOf(name)};
}

trace::EventIndex firstFrom(const trace::Trace& trace, const trace::Track& track, int64_t timeNs) {
  trace::EventIndex low = track.firstEvent, high = track.firstEvent + track.eventCount;
  while (low < high) {
    const trace::EventIndex middle = low + (high - low) / 2;
    if (trace.beginNs(middle) < timeNs) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace caracal::ui
