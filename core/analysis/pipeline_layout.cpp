#include "core/analysis/pipeline_layout.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

namespace caracal::analysis {
namespace {

using trace::EventIndex;
using trace::EventKind;
using trace::Trace;
using trace::Track;

// The stage that a rank's passes name, or nothing when it has no passes.
std::vector<std::optional<int32_t>> stagesOfPasses(const Trace& trace) {
  std::vector<std::optional<int32_t>> stages(trace.ranks().size());
  for (const Track& track : trace.tracks()) {
    for (EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
      if (trace.kind(e) != EventKind::kPass) continue;
      const auto args = trace.args(e);
      if (!stages[track.rank]) stages[track.rank] = args ? args->stage : -1;
      break;
    }
  }
  return stages;
}

void addStageRanks(const Trace& trace, PipelineLayout& layout) {
  const auto stagesOf = stagesOfPasses(trace);
  std::set<std::pair<int32_t, int32_t>> taken;  // (replica, stage)
  for (uint32_t index = 0; index < stagesOf.size(); ++index) {
    if (!stagesOf[index]) continue;
    const trace::Rank& rank = trace.ranks()[index];
    layout.tensorSize = std::max(layout.tensorSize, rank.tensorIndex + 1);
    if (rank.tensorIndex > 0) continue;
    StageRank place{std::max(rank.dataIndex, 0), rank.stage >= 0 ? rank.stage : *stagesOf[index],
                    index};
    place.stage = std::max(place.stage, 0);
    // Ranks that do not say which replica they are of are numbered in order.
    while (!taken.insert({place.replica, place.stage}).second) ++place.replica;
    layout.ranks.push_back(place);
    layout.stageCount = std::max(layout.stageCount, place.stage + 1);
    layout.replicaCount = std::max(layout.replicaCount, place.replica + 1);
  }
  std::sort(layout.ranks.begin(), layout.ranks.end(), [](const StageRank& a, const StageRank& b) {
    return std::tie(a.replica, a.stage) < std::tie(b.replica, b.stage);
  });
}

void addFacts(const Trace& trace, PipelineLayout& layout) {
  const bool known = trace.ranks()[layout.ranks.front().rankIndex].stage >= 0;
  layout.facts.push_back({fmt::format("pipeline stages: {}", layout.stageCount),
                          known ? "stage of each rank" : "stage named by the passes"});
  if (layout.replicaCount > 1) {
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

// First begin to last end of the events that name a step, whatever their kind.
std::map<int32_t, Span> extentsOfSteps(const Trace& trace) {
  std::map<int32_t, Span> extents;
  for (EventIndex e = 0; e < trace.eventCount(); ++e) {
    const auto args = trace.args(e);
    if (!args || args->step < 0) continue;
    const auto [entry, isNew] = extents.try_emplace(args->step, trace.span(e));
    if (isNew) continue;
    entry->second.beginNs = std::min(entry->second.beginNs, trace.beginNs(e));
    entry->second.endNs = std::max(entry->second.endNs, trace.endNs(e));
  }
  return extents;
}

void addSteps(const Trace& trace, PipelineLayout& layout) {
  const std::map<int32_t, Span> extents = extentsOfSteps(trace);
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

Result<PipelineLayout> findPipelineLayout(const Trace& trace) {
  PipelineLayout layout;
  addStageRanks(trace, layout);
  if (layout.ranks.empty()) {
    return fail(
        ErrorCode::kCannotAnswer,
        "no pipeline annotations: the trace marks no forward and backward passes of micro-batches, "
        "so steps, stages and bubbles cannot be told; record with caracal-run, or with a tracer "
        "that marks them (docs/trace-conventions.md)");
  }
  addFacts(trace, layout);
  addSteps(trace, layout);
  return layout;
}

}  // namespace caracal::analysis
