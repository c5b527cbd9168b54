#include "core/recording/write_trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "core/recording/recording.h"
#include "core/trace/args_of.h"

namespace caracal::recording {
namespace {

using trace::EventArgs;
using trace::EventIndex;
using trace::EventKind;
using trace::Trace;
using trace::Track;

constexpr double kNoLoss = std::numeric_limits<double>::quiet_NaN();  // a prediction trains nothing

std::vector<RankRow> rankRows(const Trace& trace) {
  std::vector<RankRow> rows;
  for (const trace::Rank& rank : trace.ranks()) {
    rows.push_back({rank.rank, std::max(rank.stage, 0), std::max(rank.tensorIndex, 0),
                    std::max(rank.dataIndex, 0), rank.host});
  }
  return rows;
}

std::map<std::string, std::string> metaOf(const Trace& trace) {
  std::map<std::string, std::string> meta = trace.meta();
  meta.emplace("runId", "simulated");
  meta.emplace("planHash", "");
  meta.emplace("clock", "simulated");
  meta.emplace("toolVersion", CARACAL_VERSION);
  meta["tag"] = trace::name(trace.tag());
  return meta;
}

OperatorRow operatorRow(const Trace& trace, const Track& track, int32_t rank, EventIndex event,
                        const EventArgs& args) {
  OperatorRow row;
  row.rank = rank;
  row.kind = trace.kind(event);
  row.pass = args.pass;
  row.name = trace.name(event);
  row.lane = track.label;
  row.beginNs = trace.beginNs(event);
  row.endNs = trace.endNs(event);
  // One rank stands for its group here, so nothing of the span is waiting for others.
  row.transferNs = row.kind == EventKind::kComm ? trace.durationNs(event) : -1;
  row.step = std::max(args.step, 0);
  row.microBatch = args.microBatch;
  row.layer = args.layer;
  row.window = args.window;
  row.bytes = args.bytes;
  return row;
}

void addEvent(StepRecords& records, const Trace& trace, const Track& track, EventIndex event) {
  const EventArgs args = trace::argsOf(trace, event);
  const int32_t rank = trace.ranks()[track.rank].rank;
  const int64_t begin = trace.beginNs(event), end = trace.endNs(event);
  const EventKind kind = trace.kind(event);
  if (trace::isScheduleWork(kind) || kind == EventKind::kMemcpy) {
    records.operators.push_back(operatorRow(trace, track, rank, event, args));
  } else if (kind == EventKind::kPass) {
    records.ranges.push_back(
        {rank, passLabel(args.pass, args.microBatch, args.stage, args.chunk), begin, end});
  } else if (kind == EventKind::kAnnotation) {
    records.ranges.push_back({rank, std::string(trace.name(event)), begin, end});
  }
}

// Steps come from the annotations of the first rank; every rank carries the same ones.
std::vector<StepRow> stepRows(const Trace& trace, int64_t peakBytes) {
  std::vector<StepRow> rows;
  for (const Track& track : trace.tracks()) {
    if (track.rank != 0) continue;
    for (EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
      const auto args = trace.args(e);
      if (trace.kind(e) != EventKind::kAnnotation || !args || args->step < 0) continue;
      rows.push_back({args->step, trace.beginNs(e), trace.endNs(e), kNoLoss, peakBytes});
    }
  }
  return rows;
}

StepRecords recordsOf(const Trace& trace) {
  StepRecords records;
  for (const Track& track : trace.tracks()) {
    for (EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
      addEvent(records, trace, track, e);
    }
  }
  int64_t peakBytes = 0;
  for (const trace::CounterSeries& series : trace.counters()) {
    if (series.name != "memory") continue;
    for (size_t i = 0; i < series.timesNs.size(); ++i) {
      records.memory.push_back(
          {trace.ranks()[series.rank].rank, series.timesNs[i], series.values[i]});
      peakBytes = std::max(peakBytes, series.values[i]);
    }
  }
  records.steps = stepRows(trace, peakBytes);
  return records;
}

}  // namespace

Result<void> writeTrace(const Trace& trace, const std::string& path) {
  const StepRecords records = recordsOf(trace);
  if (records.operators.empty()) {
    return fail(ErrorCode::kUnsupported,
                "a {} trace has no schedule work that a recording could hold", trace.format());
  }
  CARACAL_TRY(writer, RecordingWriter::create(path, metaOf(trace), rankRows(trace)));
  CARACAL_CHECK_OK(writer.append(records));
  return writer.close();
}

}  // namespace caracal::recording
