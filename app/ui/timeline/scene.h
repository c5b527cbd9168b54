// Scene: what the timeline shows, ready to draw: runs, their rows (run > replica > stage or rank >
// lane) and the blocks of every row. Pure data without Qt widgets; made once per set of runs by
// buildScene(), off the GUI thread, then shared as std::shared_ptr<const Scene> and never changed.
//
// Every run is shifted so that its first event (or the start of the step it is aligned on) is at
// scene time 0: a prediction lies exactly below its measurement.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "app/ui/timeline/lane.h"
#include "core/analysis/step_model.h"
#include "core/base/intervals.h"
#include "core/base/progress.h"
#include "core/trace/trace.h"

namespace caracal::ui {

inline constexpr uint32_t kNoRow = UINT32_MAX;

// An idle span with its cause, as drawn.
struct SceneBubble {
  Span span;  // scene time
  analysis::IdleCause cause = analysis::IdleCause::kUnexplained;
  uint32_t row = kNoRow;
  int32_t step = -1;
};

struct SceneRun {
  std::string name;  // "timeline-ST", "predicted: heu"
  std::shared_ptr<const trace::Trace> trace;
  std::shared_ptr<const analysis::StepModel> model;  // null: no pipeline annotations
  int64_t shiftNs = 0;                               // scene time = trace time + shiftNs
  std::vector<Span> steps;                           // scene time, ascending
  std::vector<int32_t> stepNumbers;                  // the trace's own, one a step
  std::vector<float> overview;                       // over Scene::range (overview.h)
  std::shared_ptr<const EventBlocks> events;         // what the lanes of its tracks are read from
};

enum class RowKind : uint8_t {
  kRun,      // header of a run
  kReplica,  // header of a data-parallel replica
  kStage,    // passes, bubbles and recomputation of one stage
  kRank,     // header of a rank; collapsed it shows the union of its GPU work
  kTrack,    // blocks of one track
};

// Rows that are folded when a scene is opened, because their detail is rarely the question.
enum class InitialFold : uint8_t { kOpen, kFolded };

struct Row {
  RowKind kind = RowKind::kTrack;
  int depth = 0;  // of nesting; children follow their parent directly
  uint32_t parent = kNoRow;
  uint32_t run = 0;
  uint32_t rankIndex = trace::kNoIndex;
  int32_t stage = -1;
  int32_t replica = -1;
  std::string label;   // "stage 2", "rank 3", "stream 7"
  std::string detail;  // beside the label, muted: device, host, thread
  InitialFold fold = InitialFold::kOpen;
  bool gpuWork = false;  // a collapsed ancestor shows this row's blocks in its own band
  std::vector<Lane> lanes;
  Lane bubbles;  // drawn hatched over the first lane; Block::source indexes Scene::bubbles
};

struct Scene {
  std::vector<SceneRun> runs;
  std::vector<Row> rows;
  std::vector<SceneBubble> bubbles;
  Span range;           // scene time, over all runs
  bool folded = false;  // made by foldSteps(): a run is one step of a run

  bool empty() const { return rows.empty(); }
  // One past the last descendant of `row`.
  uint32_t subtreeEnd(uint32_t row) const;
  const SceneRun& runOf(uint32_t row) const { return runs[rows[row].run]; }
  size_t blockCount() const;
  size_t memoryBytes() const;  // without the traces
};

// What the rows of a pipeline are: its stages, their ranks below them, or all ranks in order.
enum class Grouping : uint8_t { kByStage, kByRank };

// What a scene is made of.
struct RunInput {
  std::string name;
  std::shared_ptr<const trace::Trace> trace;
  std::shared_ptr<const analysis::StepModel> model;  // may be null
  // Trace time that goes to scene time 0; empty: the start of the trace.
  std::optional<int64_t> alignNs;
  Grouping grouping = Grouping::kByStage;
};
// Reads every event once, ranks in parallel. Null: stopped.
std::shared_ptr<const Scene> buildScene(const std::vector<RunInput>& inputs,
                                        const std::stop_token& stop = {},
                                        const Progress& progress = {});

// A block of a scene by its place.
struct BlockRef {
  uint32_t row = kNoRow;
  uint32_t lane = 0;  // kBubbleLane: the row's bubbles
  uint32_t index = 0;
  bool operator==(const BlockRef&) const = default;
  bool valid() const { return row != kNoRow; }
};
inline constexpr uint32_t kBubbleLane = UINT32_MAX;
const Lane& laneOf(const Scene& scene, uint32_t row, uint32_t lane);
Block blockOf(const Scene& scene, const BlockRef& ref);
// Where an event is drawn; invalid when it is not (launches of a folded kind are drawn too).
BlockRef findEvent(const Scene& scene, uint32_t run, trace::EventIndex event);

}  // namespace caracal::ui
