// Trace: the immutable columns of one run, all ranks on one clock. Imported, recorded and simulated
// runs are all Traces; nothing downstream asks where one came from, it carries a Tag.
//
// Made by TraceBuilder (trace_builder.h). Held as std::shared_ptr<const Trace>; safe to read from
// any thread; never changed, replaced whole. Events are stored track by track, inside a track
// sorted by (begin, longer first), so that a track is one contiguous index range and enclosing
// spans come first.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/intervals.h"
#include "core/trace/import_report.h"
#include "core/trace/string_table.h"

namespace caracal::trace {

using EventIndex = uint32_t;
using TrackIndex = uint32_t;
inline constexpr uint32_t kNoIndex = std::numeric_limits<uint32_t>::max();

// Where every figure of a trace comes from (contracts.md section 3); also how it is drawn.
enum class Tag : uint8_t { kMeasured, kEmulated, kSimulated, kEstimated };
std::string_view name(Tag tag);
std::optional<Tag> tagFromName(std::string_view text);

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
std::string_view name(EventKind kind);
constexpr bool isGpuWork(EventKind kind) {
  return kind <= EventKind::kGraph;
}
constexpr bool isScheduleWork(EventKind kind) {
  return kind == EventKind::kCompute || kind == EventKind::kRecompute || kind == EventKind::kComm;
}

enum class Pass : uint8_t { kNone, kForward, kBackward, kWeight, kRecompute, kOptimizer };
std::string_view name(Pass pass);  // "F", "B", "W", "R", "optimizer", ""

enum class CollectiveKind : uint8_t {
  kNone,
  kAllReduce,
  kAllGather,
  kReduceScatter,
  kBroadcast,
  kReduce,
  kAllToAll,
  kSendRecv,
  kSend,
  kRecv,
  kBarrier,
  kWait,
  kGeneric
};
std::string_view name(CollectiveKind kind);  // "AllReduce", ..., "SendRecv", "Generic"

// What analysis needs of an event's arguments, typed. One per event that has any; fields that do
// not apply keep their defaults.
struct EventArgs {
  int64_t bytes = -1;         // payload of a copy or a collective (input side), -1 unknown
  int64_t sequence = -1;      // collective sequence number in its group
  uint64_t externalId = 0;    // Kineto "External id", 0 = none
  uint32_t group = kNoIndex;  // index into Trace::processGroups()
  NameId dtype = 0;           // as the source writes it
  NameId detail = 0;          // free text for the details panel ("grid 12x1x1 block 256"), 0 = none
  int32_t peer = -1;          // rank of the other side of a send or recv
  int32_t step = -1;
  int32_t microBatch = -1;
  int32_t stage = -1;
  int32_t chunk = -1;  // model chunk of interleaved schedules
  int32_t layer = -1;  // global layer index, -1: not of a layer
  CollectiveKind collective = CollectiveKind::kNone;
  Pass pass = Pass::kNone;
  uint8_t window = 0;  // plan::WindowId + 1 of a collective or recompute; 0 = none
  bool operator==(const EventArgs&) const = default;
};

enum class TrackKind : uint8_t {
  kGpuStream,
  kCpuThread,
  kPassLane,     // F, B and W of a stage, one after the other
  kComputeLane,  // operators of a stage's compute stream
  kCommLane,     // collectives or transfers of one kind
  kOther,
};

struct Track {
  TrackKind kind = TrackKind::kOther;
  uint32_t rank = 0;     // index into Trace::ranks()
  int32_t device = -1;   // CUDA ordinal in its process, -1: host
  int64_t process = -1;  // pid, or a globalPid
  int64_t id = -1;       // stream id or thread id
  std::string label;     // "stream 7", "thread 1234 (python)", "compute", "tp-comm"
  EventIndex firstEvent = 0;
  EventIndex eventCount = 0;
};

// One rank (one process with its device) of a run.
struct Rank {
  int32_t rank = 0;        // global rank, unique inside a Trace
  int32_t device = -1;     // CUDA ordinal; -1 when the rank has no GPU rows
  std::string deviceKey;   // "0", or "pid945961/dev0" where ordinals repeat between processes
  std::string deviceName;  // "NVIDIA H100 80GB HBM3"; empty when unknown
  std::string host;
  std::string file;     // the input it came from
  std::string foundBy;  // how the rank number is known ("distributedInfo", "file name", ...)
  // Index into Trace::ranks() of the rank that holds the threads which launch this one's GPU work,
  // when one process drives several devices; kNoIndex: this rank itself.
  uint32_t hostRank = kNoIndex;
  int32_t stage = -1;        // pipeline index; -1 unknown
  int32_t tensorIndex = -1;  // index inside the tensor-parallel group
  int32_t dataIndex = -1;    // index of the data-parallel replica
  int64_t sourceRecords =
      0;  // records of the input for this rank, before any was dropped or folded
  // Microseconds-rounded inputs cannot resolve less than this.
  int64_t resolutionNs = 1;
};

struct ProcessGroup {
  std::string name;            // the source's own key
  std::string description;     // "TENSOR_MODEL_PARALLEL_GROUP", "default_pg", ...
  std::vector<int32_t> ranks;  // global ranks; empty when unknown
  int32_t size = 0;            // number of ranks, also when the list is unknown or cut
  bool operator==(const ProcessGroup&) const = default;
};

struct CounterSeries {
  std::string name;   // "memory.allocated"
  std::string unit;   // "bytes"
  uint32_t rank = 0;  // index into Trace::ranks()
  int32_t device = -1;
  std::vector<int64_t> timesNs;  // ascending
  std::vector<int64_t> values;
};

enum class FlowKind : uint8_t { kForwardBackward, kTransfer, kDependency };
struct Flow {
  EventIndex from = kNoIndex;
  EventIndex to = kNoIndex;
  FlowKind kind = FlowKind::kDependency;
  bool operator==(const Flow&) const = default;
};

class Trace {
 public:
  size_t eventCount() const { return m_begin.size(); }
  int64_t beginNs(EventIndex e) const { return m_begin[e]; }
  int64_t durationNs(EventIndex e) const { return m_duration[e]; }
  int64_t endNs(EventIndex e) const { return m_begin[e] + m_duration[e]; }
  Span span(EventIndex e) const { return {m_begin[e], endNs(e)}; }
  EventKind kind(EventIndex e) const { return m_kind[e]; }
  NameId nameId(EventIndex e) const { return m_name[e]; }
  std::string_view name(EventIndex e) const { return m_names[m_name[e]]; }
  // The host call that launched a GPU event, or kNoIndex.
  EventIndex launch(EventIndex e) const { return m_launch[e]; }
  // Typed arguments, or nullptr.
  const EventArgs* args(EventIndex e) const {
    return m_argsOf[e] == kNoIndex ? nullptr : &m_args[m_argsOf[e]];
  }
  TrackIndex trackOf(EventIndex e) const;

  // The columns themselves, for loops over many events.
  std::span<const int64_t> begins() const { return m_begin; }
  std::span<const int64_t> durations() const { return m_duration; }
  std::span<const NameId> nameIds() const { return m_name; }
  std::span<const EventKind> kinds() const { return m_kind; }

  const std::vector<Track>& tracks() const { return m_tracks; }
  const std::vector<Rank>& ranks() const { return m_ranks; }
  const std::vector<ProcessGroup>& processGroups() const { return m_groups; }
  const std::vector<CounterSeries>& counters() const { return m_counters; }
  const std::vector<Flow>& flows() const { return m_flows; }  // sorted by `from`
  const StringTable& names() const { return m_names; }
  const ImportReport& report() const { return m_report; }
  // Run facts in words: "planHash", "clock", "tool", "profile", "link.tp.bytesPerSecond", ...
  const std::map<std::string, std::string>& meta() const { return m_meta; }
  std::string metaOr(const std::string& key, const std::string& fallback) const;
  Tag tag() const { return m_tag; }
  const std::string& format() const {
    return m_format;
  }  // "kineto", "nsys", "pipeline", "caracal", "simulated"
  // First begin to last end over all events; {0, 0} when there are none.
  Span range() const { return m_range; }
  // Everything held: columns, arguments, names, counters.
  size_t memoryBytes() const;

 private:
  friend class TraceBuilder;
  std::vector<int64_t> m_begin;      // 8 bytes an event
  std::vector<int64_t> m_duration;   // 8
  std::vector<NameId> m_name;        // 4
  std::vector<EventIndex> m_launch;  // 4
  std::vector<uint32_t> m_argsOf;    // 4
  std::vector<EventKind> m_kind;     // 1
  std::vector<EventArgs> m_args;
  std::vector<Track> m_tracks;
  std::vector<Rank> m_ranks;
  std::vector<ProcessGroup> m_groups;
  std::vector<CounterSeries> m_counters;
  std::vector<Flow> m_flows;
  StringTable m_names;
  ImportReport m_report;
  std::map<std::string, std::string> m_meta;
  Tag m_tag = Tag::kMeasured;
  std::string m_format;
  Span m_range;
};

}  // namespace caracal::trace
