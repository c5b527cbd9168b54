#include "core/analysis/pass_stages.h"

#include <algorithm>
#include <optional>
#include <set>

#include "core/analysis/group_roles.h"
#include "core/analysis/stage_chain.h"

namespace caracal::analysis {
namespace {

using trace::EventIndex;
using trace::Pass;
using trace::Trace;

// Stages that names give each rank with passes; an empty set where they give none.
std::vector<std::set<int32_t>> namedStages(const GpuPasses& passes) {
  std::vector<std::set<int32_t>> named(passes.ofRank.size());
  for (size_t rank = 0; rank < named.size(); ++rank) {
    for (const GpuPass& pass : passes.ofRank[rank]) {
      if (pass.range->stage >= 0) named[rank].insert(pass.range->stage);
    }
  }
  return named;
}

void addChunks(StagePlaces& places, size_t rank, const std::set<int32_t>& named) {
  auto& chunks = places.chunkOfStage[rank];
  for (const int32_t stage : named) chunks.emplace(stage, static_cast<int32_t>(chunks.size()));
}

StagePlaces noPlaces(const Trace& trace, std::string foundBy) {
  StagePlaces places;
  places.stages.assign(trace.ranks().size(), -1);
  places.chunkOfStage.resize(trace.ranks().size());
  places.foundBy = std::move(foundBy);
  return places;
}

std::optional<StagePlaces> placeByRecording(const Trace& trace, const GpuPasses& passes) {
  StagePlaces places = noPlaces(trace, "stage of each rank");
  for (uint32_t rank = 0; rank < passes.ofRank.size(); ++rank) {
    if (passes.ofRank[rank].empty()) continue;
    if (trace.ranks()[rank].stage < 0) return std::nullopt;
    places.stages[rank] = trace.ranks()[rank].stage;
  }
  // Several named stages on a rank are chunks all the same.
  const auto named = namedStages(passes);
  for (size_t rank = 0; rank < named.size(); ++rank) {
    if (named[rank].size() > 1) addChunks(places, rank, named[rank]);
  }
  return places;
}

// Chunks of an interleaved schedule lie as many stages apart as there are ranks; else (V-shaped
// schedules) the pipeline has no one order of ranks.
Result<std::optional<StagePlaces>> placeByNames(const Trace& trace, const GpuPasses& passes) {
  StagePlaces places = noPlaces(trace, "stages that the annotations name");
  const auto named = namedStages(passes);
  int32_t apart = 0;
  for (size_t rank = 0; rank < named.size(); ++rank) {
    if (passes.ofRank[rank].empty()) continue;
    if (named[rank].empty()) return std::optional<StagePlaces>();
    const std::vector<int32_t> stages(named[rank].begin(), named[rank].end());
    for (size_t i = 1; i < stages.size(); ++i) {
      const int32_t step = stages[i] - stages[i - 1];
      if (apart == 0) apart = step;
      if (step != apart || stages.front() >= apart) {
        return fail(ErrorCode::kCannotAnswer,
                    "rank {} runs stages {}, which are no chunks of an interleaved schedule: such "
                    "schedules can be shown but not explained",
                    trace.ranks()[rank].rank, fmt::join(stages, ", "));
      }
    }
    places.stages[rank] = stages.front();
    if (stages.size() > 1) addChunks(places, rank, named[rank]);
  }
  places.stageCount = apart;
  return std::optional<StagePlaces>(std::move(places));
}

std::optional<StagePlaces> placeByGroups(const Trace& trace, const CommNames& comm,
                                         const GpuPasses& passes, const std::stop_token& stop) {
  StagePlaces places = noPlaces(trace, "place in the pipeline-parallel process group");
  const GroupRoles roles(
      trace, comm, [&](EventIndex e) { return passes.passOf(e); }, stop);
  for (uint32_t rank = 0; rank < passes.ofRank.size(); ++rank) {
    if (passes.ofRank[rank].empty()) continue;
    const GroupRoles::Place place = roles.placeOf(trace.ranks()[rank].rank, GroupRole::kPipeline);
    if (place.index < 0) return std::nullopt;
    places.stages[rank] = place.index;
    places.stageCount = std::max(places.stageCount, place.size);
  }
  return places;
}

Result<StagePlaces> placeByTraffic(const Trace& trace, const CommNames& comm,
                                   const GpuPasses& passes, const std::stop_token& stop) {
  std::vector<int64_t> firstForwardNs(trace.ranks().size(), -1);
  for (size_t rank = 0; rank < passes.ofRank.size(); ++rank) {
    for (const GpuPass& pass : passes.ofRank[rank]) {
      if (pass.range->pass != Pass::kForward) continue;
      int64_t& first = firstForwardNs[rank];
      first = first < 0 ? pass.span.beginNs : std::min(first, pass.span.beginNs);
    }
  }
  CARACAL_TRY(stages, stagesByTraffic(trace, comm, firstForwardNs, stop));
  const bool one = std::all_of(stages.begin(), stages.end(), [](int32_t s) { return s <= 0; });
  StagePlaces places = noPlaces(trace, one ? "no sends or receives between ranks: one stage"
                                           : "who sends to whom, and who begins first");
  places.stages = std::move(stages);
  return places;
}

}  // namespace

Result<StagePlaces> placeStages(const Trace& trace, const CommNames& comm, const GpuPasses& passes,
                                const std::stop_token& stop) {
  if (auto places = placeByRecording(trace, passes)) return std::move(*places);
  CARACAL_TRY(named, placeByNames(trace, passes));
  if (named) return std::move(*named);
  if (auto places = placeByGroups(trace, comm, passes, stop)) return std::move(*places);
  return placeByTraffic(trace, comm, passes, stop);
}

}  // namespace caracal::analysis
