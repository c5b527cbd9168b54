// Trace: the immutable columns of one run, all ranks on one clock. Imported, recorded and simulated
// runs are all Traces; nothing downstream asks where one came from, it carries a Tag.
//
// Made by TraceBuilder (trace_builder.h). Held as std::shared_ptr<const Trace>; safe to read from
// any thread; never changed, replaced whole. Events are stored track by track, inside a track
// sorted by (begin, longer first), so that a track is one contiguous index range and enclosing
// spans come first.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/intervals.h"
#include "core/trace/activity.h"
#include "core/trace/event_store.h"
#include "core/trace/import_report.h"
#include "core/trace/string_table.h"

namespace caracal::trace {

// Where every figure of a trace comes from (contracts.md section 3); also how it is drawn.
enum class Tag : uint8_t { kMeasured, kEmulated, kSimulated, kEstimated };
std::string_view name(Tag tag);
std::optional<Tag> tagFromName(std::string_view text);

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
  // The number that the input gave where another input already had it; -1: `rank` is the input's.
  int32_t claimedRank = -1;
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

std::vector<TrackEvents> trackEventsOf(const std::vector<Track>& tracks);

// All of a Trace. Made by TraceBuilder, or read from a trace file (trace_file.h).
struct TraceData {
  EventStore events;
  Activity activity;
  std::vector<Track> tracks;
  std::vector<Rank> ranks;
  std::vector<ProcessGroup> groups;
  std::vector<CounterSeries> counters;
  std::vector<Flow> flows;  // sorted by `from`
  StringTable names;
  ImportReport report;
  std::map<std::string, std::string> meta;
  Tag tag = Tag::kMeasured;
  std::string format;
  Span range;
};

class Trace {
 public:
  explicit Trace(TraceData data) : m(std::move(data)) {}

  size_t eventCount() const { return m.events.size(); }
  int64_t beginNs(EventIndex e) const { return m.events.begin[e]; }
  int64_t durationNs(EventIndex e) const { return m.events.duration[e]; }
  int64_t endNs(EventIndex e) const { return m.events.endNs(e); }
  Span span(EventIndex e) const {
    const int64_t begin = beginNs(e);
    return {begin, begin + durationNs(e)};
  }
  EventKind kind(EventIndex e) const { return static_cast<EventKind>(m.events.kind[e]); }
  NameId nameId(EventIndex e) const { return static_cast<NameId>(m.events.name[e]); }
  std::string_view name(EventIndex e) const { return m.names[nameId(e)]; }
  // The host call that launched a GPU event, or kNoIndex.
  EventIndex launch(EventIndex e) const {
    return static_cast<EventIndex>(m.events.launch[e] - 1);  // 0, none, becomes kNoIndex
  }
  bool hasArgs(EventIndex e) const { return m.events.argsRow[e] != 0; }
  // Typed arguments, put together from their columns; nothing when the event has none.
  std::optional<EventArgs> args(EventIndex e) const {
    const int64_t row = m.events.argsRow[e];
    if (row == 0) return std::nullopt;
    return m.events.args[static_cast<size_t>(row - 1)];
  }
  TrackIndex trackOf(EventIndex e) const;
  int64_t countOf(EventKind kind) const;

  // Busy time, longest event and longest gap of a track's span (activity.h).
  SpanSummary activity(TrackIndex track, Span span) const {
    return m.activity.over(m.events, track, span);
  }
  std::vector<SpanSummary> activityBins(TrackIndex track, Span span, size_t count) const {
    return m.activity.bins(m.events, track, span, count);
  }

  const std::vector<Track>& tracks() const { return m.tracks; }
  const std::vector<Rank>& ranks() const { return m.ranks; }
  const std::vector<ProcessGroup>& processGroups() const { return m.groups; }
  const std::vector<CounterSeries>& counters() const { return m.counters; }
  const std::vector<Flow>& flows() const { return m.flows; }  // sorted by `from`
  const StringTable& names() const { return m.names; }
  const ImportReport& report() const { return m.report; }
  // Run facts in words: "planHash", "clock", "tool", "profile", "link.tp.bytesPerSecond", ...
  const std::map<std::string, std::string>& meta() const { return m.meta; }
  std::string metaOr(const std::string& key, const std::string& fallback) const;
  Tag tag() const { return m.tag; }
  // "kineto", "nsys", "pipeline", "caracal", "simulated"
  const std::string& format() const { return m.format; }
  // First begin to last end over all events; {0, 0} when there are none.
  Span range() const { return m.range; }
  // Everything held: columns, arguments, names, activity, counters, flows. Of a trace that was read
  // from the cache the columns lie in the mapped file and count all the same.
  size_t memoryBytes() const;
  const TraceData& data() const { return m; }

 private:
  TraceData m;
};

}  // namespace caracal::trace
