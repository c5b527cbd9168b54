#include "core/analysis/pipeline_layout.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "core/analysis/gpu_passes.h"
#include "core/analysis/recordings.h"
#include "core/analysis/stated_sizes.h"
#include "core/trace/polled_range.h"

namespace caracal::analysis {
namespace {

using trace::EventIndex;
using trace::EventKind;
using trace::Trace;
using trace::Track;

// Whether markPasses() found the passes.
bool isMarked(const Trace& trace) {
  return trace.meta().count(kPassesFromKey) > 0;
}

// The stage that a rank's passes name, or nothing when it has no passes.
std::vector<std::optional<int32_t>> stagesOfPasses(const Trace& trace,
                                                   const std::stop_token& stop) {
  std::vector<std::optional<int32_t>> stages(trace.ranks().size());
  for (const Track& track : trace.tracks()) {
    for (const EventIndex e : trace::eventsOf(track, stop)) {
      if (trace.kind(e) != EventKind::kPass) continue;
      const auto args = trace.args(e);
      if (!stages[track.rank]) stages[track.rank] = args ? args->stage : -1;
      break;
    }
  }
  return stages;
}

// Ranks of one recording only: the one with the most events of ranks with passes. Nothing of
// another recording may be compared with it.
void keepOneRecording(const Trace& trace, const std::stop_token& stop,
                      std::vector<std::optional<int32_t>>& stagesOf, PipelineLayout& layout) {
  const Recordings recordings = findRecordings(trace, stop);
  if (recordings.list.size() < 2) return;
  std::vector<int64_t> events(recordings.list.size());
  for (const Track& track : trace.tracks()) {
    if (stagesOf[track.rank]) events[recordings.recordingOfRank[track.rank]] += track.eventCount;
  }
  const auto best =
      static_cast<size_t>(std::max_element(events.begin(), events.end()) - events.begin());
  for (uint32_t rank = 0; rank < stagesOf.size(); ++rank) {
    if (recordings.recordingOfRank[rank] != best) stagesOf[rank].reset();
  }
  const std::string& file = recordings.list[best].files.front();
  for (const std::string& reason : recordings.reasons) {
    layout.facts.push_back(
        {"stages and steps are those of " + file.substr(file.find_last_of('/') + 1) + " alone",
         reason});
  }
}

int32_t stageOf(const trace::Rank& rank, int32_t named) {
  return std::max(rank.stage >= 0 ? rank.stage : named, 0);
}

// Whether another rank with passes has a lower place in the same tensor-parallel group.
bool isRepresented(const Trace& trace, const std::vector<std::optional<int32_t>>& stagesOf,
                   uint32_t index) {
  const trace::Rank& rank = trace.ranks()[index];
  if (rank.tensorIndex <= 0) return false;
  for (uint32_t other = 0; other < stagesOf.size(); ++other) {
    const trace::Rank& candidate = trace.ranks()[other];
    if (stagesOf[other] && candidate.tensorIndex >= 0 && candidate.tensorIndex < rank.tensorIndex &&
        candidate.dataIndex == rank.dataIndex &&
        stageOf(candidate, *stagesOf[other]) == stageOf(rank, *stagesOf[index]))
      return true;
  }
  return false;
}

void addStageRanks(const Trace& trace, const std::stop_token& stop, PipelineLayout& layout) {
  auto stagesOf = stagesOfPasses(trace, stop);
  keepOneRecording(trace, stop, stagesOf, layout);
  std::set<std::pair<int32_t, int32_t>> taken;  // (replica, stage)
  for (uint32_t index = 0; index < stagesOf.size(); ++index) {
    if (!stagesOf[index]) continue;
    const trace::Rank& rank = trace.ranks()[index];
    layout.tensorSize = std::max(layout.tensorSize, rank.tensorIndex + 1);
    if (isRepresented(trace, stagesOf, index)) continue;
    StageRank place{std::max(rank.dataIndex, 0), stageOf(rank, *stagesOf[index]), index};
    // Ranks that do not say which replica they are of are numbered in order.
    while (!taken.insert({place.replica, place.stage}).second) ++place.replica;
    layout.ranks.push_back(place);
    layout.stageCount = std::max(layout.stageCount, place.stage + 1);
    layout.replicaCount = std::max(layout.replicaCount, place.replica + 1);
  }
  if (!layout.ranks.empty())
    layout.stageCount = std::max(layout.stageCount, statedSize(trace, kStageCountKey));
  std::sort(layout.ranks.begin(), layout.ranks.end(), [](const StageRank& a, const StageRank& b) {
    return std::tie(a.replica, a.stage) < std::tie(b.replica, b.stage);
  });
}

void addFacts(const Trace& trace, PipelineLayout& layout) {
  const bool known = trace.ranks()[layout.ranks.front().rankIndex].stage >= 0;
  layout.facts.push_back(
      {fmt::format("pipeline stages: {}", layout.stageCount),
       trace.metaOr(kStagesFromKey, known ? "stage of each rank" : "stage named by the passes")});
  if (const std::string from = trace.metaOr(kPassesFromKey, ""); !from.empty())
    layout.facts.push_back(
        {"passes: from the first to the last computation kernel launched in the "
         "host's range of forward or backward work",
         from});
  const bool replicasKnown = std::all_of(
      layout.ranks.begin(), layout.ranks.end(),
      [&](const StageRank& place) { return trace.ranks()[place.rankIndex].dataIndex >= 0; });
  if (layout.replicaCount > 1 && !replicasKnown && isMarked(trace)) {
    layout.facts.push_back(
        {"ranks of one stage: cannot tell whether they are replicas or share its tensors; each is "
         "counted by itself",
         "no process group of known role; state tensor and data indices with --hint"});
  } else if (layout.replicaCount > 1) {
    layout.facts.push_back({fmt::format("data-parallel replicas: {}", layout.replicaCount),
                            "ranks that run the same stage"});
  }
  if (layout.tensorSize > 1) {
    layout.facts.push_back(
        {fmt::format("tensor-parallel ranks per stage: {}; the first stands for its stage",
                     layout.tensorSize),
         "tensor index of each rank"});
  }
  const auto expected =
      static_cast<size_t>(layout.stageCount) * static_cast<size_t>(layout.replicaCount);
  if (layout.ranks.size() < expected) {
    layout.facts.push_back(
        {fmt::format("{} of {} pipeline positions are not in the trace; windows and "
                     "bubbles are those of the stages that are",
                     expected - layout.ranks.size(), expected),
         "stages and replicas of the ranks opened"});
  }
}

// First begin to last end of the events that name a step, whatever their kind, on the ranks of the
// layout's recording.
std::map<int32_t, Span> extentsOfSteps(const Trace& trace, const PipelineLayout& layout,
                                       const std::stop_token& stop) {
  const Recordings recordings = findRecordings(trace, stop);
  const uint32_t recording = recordings.recordingOfRank[layout.ranks.front().rankIndex];
  std::map<int32_t, Span> extents;
  for (const Track& track : trace.tracks()) {
    if (stop.stop_requested()) break;
    if (recordings.recordingOfRank[track.rank] != recording) continue;
    for (const EventIndex e : trace::eventsOf(track, stop)) {
      const auto args = trace.args(e);
      if (!args || args->step < 0) continue;
      // On a rank with kernels a step is where its kernels run, not where the host launched them.
      if (isMarked(trace) && !trace::isGpuWork(trace.kind(e))) continue;
      Span& extent = extents.try_emplace(args->step, trace.span(e)).first->second;
      extent.beginNs = std::min(extent.beginNs, trace.beginNs(e));
      extent.endNs = std::max(extent.endNs, trace.endNs(e));
    }
  }
  return extents;
}

void addSteps(const Trace& trace, PipelineLayout& layout, const std::stop_token& stop) {
  const std::map<int32_t, Span> extents = extentsOfSteps(trace, layout, stop);
  if (extents.empty()) {
    layout.steps.push_back({0, trace.range()});
    layout.facts.push_back({"steps: 1, the whole trace", "passes name no step"});
    return;
  }
  int cut = 0;
  for (const auto& [step, extent] : extents) {
    const auto next = extents.find(step + 1);
    const bool followed = next != extents.end() && next->second.beginNs > extent.beginNs;
    layout.steps.push_back(
        {step, {extent.beginNs, followed ? next->second.beginNs : extent.endNs}});
    if (!followed && step != extents.rbegin()->first) ++cut;
  }
  layout.facts.push_back({fmt::format("steps: {} ({} to {})", extents.size(),
                                      extents.begin()->first, extents.rbegin()->first),
                          "step numbers of the events"});
  if (cut > 0) {
    layout.facts.push_back(
        {fmt::format("{} steps end at their last event: the step after them was not "
                     "recorded",
                     cut),
         "gaps in the step numbers"});
  }
}

}  // namespace

Result<PipelineLayout> findPipelineLayout(const Trace& trace, const std::stop_token& stop) {
  PipelineLayout layout;
  addStageRanks(trace, stop, layout);
  if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "finding stages was stopped");
  if (layout.ranks.empty()) {
    return fail(
        ErrorCode::kCannotAnswer,
        "no passes of micro-batches, so pipeline stages and bubbles cannot be told: {}. What to "
        "record: docs/recording.md",
        whyNoPasses(trace, CommNames{}, stop));
  }
  addFacts(trace, layout);
  addSteps(trace, layout, stop);
  if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "finding steps was stopped");
  return layout;
}

}  // namespace caracal::analysis
