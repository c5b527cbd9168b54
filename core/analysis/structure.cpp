#include "core/analysis/structure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "core/analysis/annotation_names.h"
#include "core/analysis/group_roles.h"
#include "core/analysis/profiler_steps.h"

namespace caracal::analysis {
namespace {

using trace::EventIndex;
using trace::Trace;
using trace::Track;

// What the names of annotations say, per rank and over all.
struct Annotations {
  std::vector<std::set<int32_t>> stages;  // per rank index
  std::array<int64_t, static_cast<size_t>(Framework::kCount)> counts{};
  std::map<int32_t, std::set<int32_t>> microBatches;  // per stage; -1: names state none
};

Annotations readAnnotations(const Trace& trace) {
  Annotations found;
  found.stages.resize(trace.ranks().size());
  std::vector<AnnotationMeaning> meanings;
  for (trace::NameId id = 0; id < trace.names().size(); ++id)
    meanings.push_back(meaningOf(trace.names()[id]));
  for (const Track& track : trace.tracks()) {
    for (EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
      if (trace.kind(e) != trace::EventKind::kAnnotation) continue;
      const AnnotationMeaning& meaning = meanings[trace.nameId(e)];
      ++found.counts[static_cast<size_t>(meaning.framework)];
      if (meaning.stage >= 0) found.stages[track.rank].insert(meaning.stage);
      if (meaning.microBatch >= 0 && meaning.pass == trace::Pass::kForward)
        found.microBatches[meaning.stage].insert(meaning.microBatch);
    }
  }
  return found;
}

// Index of a rank in the one group of this role whose whole list is known.
struct GroupIndex {
  int32_t index = -1;
  int32_t size = 0;
};
GroupIndex indexInGroup(const Trace& trace, int32_t rank, GroupRole role) {
  for (const trace::ProcessGroup& group : trace.processGroups()) {
    if (roleOf(group) != role || group.ranks.size() != static_cast<size_t>(group.size)) continue;
    const auto at = std::find(group.ranks.begin(), group.ranks.end(), rank);
    if (at != group.ranks.end())
      return {static_cast<int32_t>(at - group.ranks.begin()), group.size};
  }
  return {};
}

void setFirst(int32_t& value, std::string& from, int32_t candidate, std::string source) {
  if (value >= 0 || candidate < 0) return;
  value = candidate;
  from = std::move(source);
}

KnownPlace placeOf(const Trace& trace, uint32_t index, const Annotations& annotations,
                   const StructureHint& hint) {
  const trace::Rank& rank = trace.ranks()[index];
  KnownPlace known{{.rank = rank.rank}, {}, {}, {}};
  RankPlace& place = known.place;
  for (const RankPlace& given : hint.ranks) {
    if (given.rank != rank.rank) continue;
    setFirst(place.stage, known.stageFrom, given.stage, "hint");
    setFirst(place.tensorIndex, known.tensorFrom, given.tensorIndex, "hint");
    setFirst(place.dataIndex, known.dataFrom, given.dataIndex, "hint");
  }
  setFirst(place.stage, known.stageFrom, rank.stage, "the recording");
  setFirst(place.tensorIndex, known.tensorFrom, rank.tensorIndex, "the recording");
  setFirst(place.dataIndex, known.dataFrom, rank.dataIndex, "the recording");
  // Several stages on one rank are chunks of an interleaved schedule: no single stage to name.
  const std::set<int32_t>& stages = annotations.stages[index];
  if (stages.size() == 1)
    setFirst(place.stage, known.stageFrom, *stages.begin(), "annotations PP:<stage>");
  const std::string groups = "place in its process group";
  setFirst(place.stage, known.stageFrom, indexInGroup(trace, rank.rank, GroupRole::kPipeline).index,
           groups);
  setFirst(place.tensorIndex, known.tensorFrom,
           indexInGroup(trace, rank.rank, GroupRole::kTensor).index, groups);
  setFirst(place.dataIndex, known.dataFrom, indexInGroup(trace, rank.rank, GroupRole::kData).index,
           groups);
  return known;
}

// One fact about one coordinate of all ranks.
Fact countFact(const Structure& structure, std::string_view what, int32_t RankPlace::*field,
               std::string KnownPlace::*from, std::string_view help) {
  int32_t most = -1;
  size_t unknown = 0;
  std::set<std::string> sources;
  for (const KnownPlace& known : structure.ranks) {
    most = std::max(most, known.place.*field);
    if (known.place.*field < 0) ++unknown;
    if (!(known.*from).empty()) sources.insert(known.*from);
  }
  if (most < 0) return {fmt::format("{}: cannot tell", what), std::string(help)};
  std::string source;
  for (const std::string& text : sources) source += (source.empty() ? "" : ", ") + text;
  return {unknown == 0
              ? fmt::format("{}: {}", what, most + 1)
              : fmt::format("{}: at least {}; not known of {} ranks", what, most + 1, unknown),
          source};
}

void addGroupFacts(const Trace& trace, Structure& structure) {
  std::map<GroupRole, std::pair<int32_t, int32_t>> groups;  // role -> groups, largest size
  for (const trace::ProcessGroup& group : trace.processGroups()) {
    const GroupRole role = roleOf(group);
    if (role == GroupRole::kUnknown || group.size < 2) continue;
    ++groups[role].first;
    groups[role].second = std::max(groups[role].second, group.size);
  }
  for (const auto& [role, counted] : groups) {
    structure.facts.push_back({fmt::format("{}-parallel groups: {}, of up to {} ranks", name(role),
                                           counted.first, counted.second),
                               "descriptions of process groups"});
  }
}

void addStepFact(const Trace& trace, Structure& structure) {
  std::set<int32_t> numbers;
  const ProfilerSteps steps(trace);
  for (uint32_t rank = 0; rank < trace.ranks().size(); ++rank) {
    for (const ProfilerSteps::Step& step : steps.ofRank(rank)) numbers.insert(step.number);
  }
  const std::string own = trace.metaOr(kStepAnnotationKey, "");
  if (!numbers.empty()) {
    structure.facts.push_back({fmt::format("steps: {}", numbers.size()),
                               own.empty() ? "annotations ProfilerStep#N" : "hint: " + own});
  }
}

void addAnnotationFacts(const Annotations& annotations, Structure& structure) {
  for (size_t i = 1; i < annotations.counts.size(); ++i) {
    if (annotations.counts[i] == 0) continue;
    structure.facts.push_back({fmt::format("annotations of {}: {}", name(static_cast<Framework>(i)),
                                           annotations.counts[i]),
                               "their names"});
  }
  for (const auto& [stage, numbers] : annotations.microBatches) {
    structure.facts.push_back(
        {stage < 0 ? fmt::format("micro-batches: {}", numbers.size())
                   : fmt::format("micro-batches of stage {}: {}", stage, numbers.size()),
         "numbers in the names of forward annotations"});
  }
}

}  // namespace

Structure inferStructure(const Trace& trace, const StructureHint& hint) {
  const Annotations annotations = readAnnotations(trace);
  Structure structure;
  for (uint32_t index = 0; index < trace.ranks().size(); ++index)
    structure.ranks.push_back(placeOf(trace, index, annotations, hint));
  structure.facts.push_back(countFact(
      structure, "pipeline stages", &RankPlace::stage, &KnownPlace::stageFrom,
      "no stage in the recording, no PP:<stage> annotation, no process group described as "
      "pipeline-parallel; state it with --hint"));
  structure.facts.push_back(
      countFact(structure, "tensor-parallel size", &RankPlace::tensorIndex, &KnownPlace::tensorFrom,
                "no process group described as tensor-parallel; state it with --hint"));
  structure.facts.push_back(
      countFact(structure, "data-parallel size", &RankPlace::dataIndex, &KnownPlace::dataFrom,
                "no process group described as data-parallel; state it with --hint"));
  addGroupFacts(trace, structure);
  addStepFact(trace, structure);
  addAnnotationFacts(annotations, structure);
  if (const auto model = buildStepModel(trace)) {
    structure.facts.insert(structure.facts.end(), model->facts.begin(), model->facts.end());
  } else {
    structure.facts.push_back({"passes of micro-batches: cannot tell", model.error().message});
  }
  return structure;
}

}  // namespace caracal::analysis
