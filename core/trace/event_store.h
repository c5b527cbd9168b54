// EventStore: the columns of a Trace's events. Typical traces need 8 to 14 bytes an event.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/base/intervals.h"
#include "core/trace/event_args.h"
#include "core/trace/packed_column.h"

namespace caracal::trace {

using EventIndex = uint32_t;
using TrackIndex = uint32_t;

enum class EventKind : uint8_t {
  // Work of a GPU: what "busy" is the union of.
  kKernel,
  kMemcpy,
  kMemset,
  kGraph,
  // Shown on a GPU's streams, but no work.
  kSync,
  kGpuAnnotation,
  kCudaEvent,
  // The host.
  kCpuOp,
  kRuntime,
  kAnnotation,
  kPythonFunction,
  kOverhead,
  kInstant,
  // What schedules are made of: op-level tracers, Caracal's CPU backend and simulator.
  kPass,       // one F, B or W of a micro-batch on a stage (args: pass, microBatch, stage)
  kCompute,    // an operator on a stage's compute stream
  kRecompute,  // an operator run again (args: placement in `window`)
  kComm,       // a collective or transfer on a communication lane; its duration includes waiting
  kOther,
};
inline constexpr size_t kEventKindCount = 18;
std::string_view name(EventKind kind);
constexpr bool isGpuWork(EventKind kind) {
  return kind <= EventKind::kGraph;
}
constexpr bool isScheduleWork(EventKind kind) {
  return kind == EventKind::kCompute || kind == EventKind::kRecompute || kind == EventKind::kComm;
}

struct EventStore {
  PackedColumn begin;     // ns
  PackedColumn duration;  // ns, >= 0
  PackedColumn name;      // NameId
  PackedColumn kind;      // EventKind
  PackedColumn launch;    // index of the launching event plus one, 0 = none
  PackedColumn argsRow;   // row of `args` plus one, 0 = none
  PackedArgs args;

  size_t size() const { return begin.size(); }
  int64_t endNs(EventIndex e) const { return begin[e] + duration[e]; }
  size_t memoryBytes() const;
};

// First begin to last end; {0, 0} when there are no events.
Span rangeOf(const EventStore& events);

// One event as it goes into the store.
struct StoredEvent {
  int64_t beginNs = 0;
  int64_t durationNs = 0;
  NameId name = 0;
  EventKind kind = EventKind::kOther;
  EventIndex launch = kNoIndex;
  uint32_t argsRow = kNoIndex;
};

class EventPacker {
 public:
  void push(const StoredEvent& event) {
    pushUnlinked(event);
    m_launch.push(event.launch == kNoIndex ? 0 : int64_t{event.launch} + 1);
  }
  // As push(), for launches that come as a column of their own, at the end.
  void pushUnlinked(const StoredEvent& event);
  // Row of the arguments, for StoredEvent::argsRow.
  uint32_t pushArgs(const EventArgs& args) {
    m_args.push(args);
    return static_cast<uint32_t>(m_args.size() - 1);
  }
  size_t size() const { return m_begin.size(); }
  // Column `launch` is empty when events were pushed unlinked.
  EventStore finish() &&;

 private:
  ColumnPacker m_begin, m_duration, m_name, m_kind, m_launch, m_argsRow;
  ArgsPacker m_args;
};

}  // namespace caracal::trace
