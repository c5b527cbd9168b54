// Recordings: the SQLite file that a run leaves behind (contracts.md section 4,
// docs/recording-format.md). The table layout is Nsight Systems' where that has a place for the
// fact, CARACAL_* tables otherwise, so that core/import/nsys reads both. Written step by step in
// WAL transactions: what was committed before a kill -9 is readable.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/trace/trace.h"

namespace caracal::recording {

inline constexpr int kRecordingVersion = 1;

// One rank of the run, written to CARACAL_RANK when the recording is opened.
struct RankRow {
  int32_t rank = 0, stage = 0, tensorIndex = 0, dataIndex = 0;
  std::string host;
};

// CARACAL_CPU_OP: one operator, recomputation, collective or transfer of the CPU backend.
struct OperatorRow {
  int32_t rank = 0;
  trace::EventKind kind = trace::EventKind::kCompute;  // kCompute, kRecompute, kComm
  trace::Pass pass = trace::Pass::kForward;
  std::string name;  // operator id; for kComm "fwd.attn", "send.fwd", "recv.fwd", "send.bwd",
                     // "recv.bwd", "dp.reduce", "dp.gather", "tp.reduce"
  std::string lane;  // "compute", "tp-comm", "pp-comm", "dp-comm"
  int64_t beginNs = 0, endNs = 0;
  int64_t transferNs = -1;  // kComm: the part after the last rank entered; -1 unknown
  int32_t step = 0, microBatch = -1,
          layer = -1;  // layer: global, -1 first end, -2 last end, -3 none
  int32_t window = 0;  // as trace::EventArgs::window
  int64_t bytes = -1;  // kComm: payload; kCompute: bytes of the output
  // kComm over an emulated link, where somebody waited for the end: what the transfer should have
  // taken; transferNs is what it took. -1: nobody saw.
  int64_t askedNs = -1;
};

// "F:2:0": pass, micro-batch and stage; "F:2:0:1" where it is not the first chunk of the stage.
std::string passLabel(trace::Pass pass, int32_t microBatch, int32_t stage, int32_t chunk);

// NVTX_EVENTS in domain "caracal": step, pass, layer, op, recompute and comm ranges.
struct RangeRow {
  int32_t rank = 0;
  std::string text;  // "step:3", "F:2:0", ...
  int64_t beginNs = 0, endNs = 0;
};

struct MemoryRow {  // CARACAL_MEMORY
  int32_t rank = 0;
  int64_t timeNs = 0;
  int64_t bytes = 0;  // activations + static of the rank's pool
};

struct StepRow {  // CARACAL_STEP
  int32_t step = 0;
  int64_t beginNs = 0, endNs = 0;
  double loss = 0;
  int64_t peakBytes = 0;  // largest over the ranks
};

// Everything one finished step adds; written in one transaction.
struct StepRecords {
  std::vector<OperatorRow> operators;
  std::vector<RangeRow> ranges;
  std::vector<MemoryRow> memory;
  std::vector<StepRow> steps;
};

// Not thread-safe; one writer per file.
class RecordingWriter {
 public:
  // Creates or replaces the file. `meta` needs at least: runId, planHash, clock, tag, toolVersion.
  static Result<RecordingWriter> create(const std::string& path,
                                        const std::map<std::string, std::string>& meta,
                                        const std::vector<RankRow>& ranks);
  RecordingWriter(RecordingWriter&&) noexcept;
  RecordingWriter& operator=(RecordingWriter&&) noexcept;
  ~RecordingWriter();

  Result<void> append(const StepRecords& records);
  Result<void> setMeta(const std::string& key, const std::string& value);
  // Folds the WAL into the file. Called by the destructor too, there without a way to report
  // failure.
  Result<void> close();

 private:
  struct Impl;
  explicit RecordingWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> m_impl;
};

}  // namespace caracal::recording
