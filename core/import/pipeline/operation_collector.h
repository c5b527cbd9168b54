// OperationCollector: takes the events of one op-level pipeline trace as they are read and turns
// them into the ranks of a TraceBuilder. Which rank a row belongs to is known only when the file
// ends.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/result.h"
#include "core/import/chrome/chrome_event.h"
#include "core/import/chrome/chrome_reader.h"
#include "core/import/chrome/open_ranges.h"
#include "core/import/pipeline/operation_names.h"
#include "core/import/pipeline/workers.h"
#include "core/trace/early_cut.h"
#include "core/trace/trace_builder.h"

namespace caracal::import::pipeline {

class OperationCollector {
 public:
  // What ends before the cut is left out.
  explicit OperationCollector(trace::EarlyCut cut) : m_cut(cut) {}

  // In arguments while it is not known which rank a row belongs to.
  static constexpr int32_t kTowardsBefore = 0, kTowardsAfter = 1;  // as EventArgs::peer
  static constexpr uint32_t kReplicas = 0;                         // as EventArgs::group
  void take(const chrome::ChromeEvent& event);
  // Once, behind the last event. The collector is spent. Fails when no entry was an event.
  Result<trace::TraceBuilder> finish(const chrome::ChromeDocument& document,
                                     const std::string& path);

 private:
  // Passes stand on a track of their own beside the other work of a row; marks go to the steps.
  enum class Layer : uint8_t { kPasses, kWork, kMarks };
  struct Row {
    int64_t process = 0;
    int64_t thread = 0;
    bool operator<(const Row& other) const {
      return process != other.process ? process < other.process : thread < other.thread;
    }
  };
  struct RowInfo {
    std::map<Layer, trace::TrackIndex> tracks;
    std::string name;
    int64_t records = 0;
    bool reduces = false;  // has collectives of replicas
  };
  using StepExtents = std::map<int32_t, Span>;  // first begin to last end
  static void widenStep(StepExtents& extents, int32_t step, Span by);
  // "iteration begin" and "iteration end" of a row; kNever until seen.
  static constexpr int64_t kNever = INT64_MIN;
  struct MarkedStep {
    int64_t beginNs = kNever;
    int64_t endNs = kNever;
  };

  trace::TrackIndex trackOf(const Row& row, Layer layer);
  void takeMetadata(const chrome::ChromeEvent& event, const Row& row);
  void takeBegin(const chrome::ChromeEvent& event, const Row& row);
  void takeEnd(const chrome::ChromeEvent& event, const Row& row);
  void takeInstant(const chrome::ChromeEvent& event, const Row& row);
  trace::EventIndex add(const chrome::ChromeEvent& event, const Row& row, chrome::EventTime time);
  void takeComplete(const chrome::ChromeEvent& event, const Row& row);
  void noteReplicaRow(const Row& row);

  WorkerPlace placeOf(const Row& row, const RowInfo& info) const;
  GridSizes makeRanks(const chrome::ChromeDocument& document, const std::string& path);
  void placeTracks();
  uint32_t replicaGroup(const WorkerPlace& place, const GridSizes& sizes);
  void completeArguments(const GridSizes& sizes);
  void addSteps();

  trace::TraceBuilder m_builder;
  chrome::OpenRanges m_openRanges;
  std::map<Row, RowInfo> m_rows;
  std::unordered_map<int64_t, std::string> m_processNames;
  std::map<WorkerPlace, uint32_t> m_ranks;  // index in the builder
  trace::EarlyCut m_cut;
  StepExtents m_leftOutSteps;
  std::vector<Row> m_replicaRows;  // with collectives of replicas, in the order of the first
  std::map<std::pair<Row, int32_t>, MarkedStep> m_marks;
  std::unordered_map<uint32_t, trace::TrackIndex> m_stepTracks;  // by rank index
  bool m_hasDecimals = false;
  int64_t m_lastNs = kNever;
};

}  // namespace caracal::import::pipeline
