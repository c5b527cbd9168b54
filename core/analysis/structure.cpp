#include "core/analysis/structure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "core/analysis/annotation_names.h"
#include "core/analysis/gpu_passes.h"
#include "core/analysis/group_roles.h"
#include "core/analysis/profiler_steps.h"
#include "core/analysis/stated_sizes.h"
#include "core/trace/polled_range.h"

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

Annotations readAnnotations(const Trace& trace, const std::stop_token& stop) {
  Annotations found;
  found.stages.resize(trace.ranks().size());
  std::vector<AnnotationMeaning> meanings;
  for (trace::NameId id = 0; id < trace.names().size(); ++id)
    meanings.push_back(meaningOf(trace.names()[id]));
  for (const Track& track : trace.tracks()) {
    if (stop.stop_requested()) break;
    for (const EventIndex e : trace::eventsOf(track, stop)) {
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

void setFirst(int32_t& value, std::string& from, int32_t candidate, std::string source) {
  if (value >= 0 || candidate < 0) return;
  value = candidate;
  from = std::move(source);
}

KnownPlace placeOf(const Trace& trace, uint32_t index, const Annotations& annotations,
                   const GroupRoles& roles, const StructureHint& hint) {
  const trace::Rank& rank = trace.ranks()[index];
  KnownPlace known{{.rank = rank.rank}, {}, {}, {}};
  RankPlace& place = known.place;
  for (const RankPlace& given : hint.ranks) {
    if (given.rank != rank.rank) continue;
    setFirst(place.stage, known.stageFrom, given.stage, "hint");
    setFirst(place.tensorIndex, known.tensorFrom, given.tensorIndex, "hint");
    setFirst(place.dataIndex, known.dataFrom, given.dataIndex, "hint");
  }
  const bool marked = trace.meta().count(kPassesFromKey) > 0;
  setFirst(place.stage, known.stageFrom, rank.stage, trace.metaOr(kStagesFromKey, "the recording"));
  const auto setByGroups = [&] {
    const GroupRoles::Place tensor = roles.placeOf(rank.rank, GroupRole::kTensor);
    setFirst(place.tensorIndex, known.tensorFrom, tensor.index, tensor.foundBy);
    const GroupRoles::Place data = roles.placeOf(rank.rank, GroupRole::kData);
    setFirst(place.dataIndex, known.dataFrom, data.index, data.foundBy);
  };
  // markPasses() has entered what groups tell into the ranks.
  if (marked) setByGroups();
  setFirst(place.tensorIndex, known.tensorFrom, rank.tensorIndex, "the recording");
  setFirst(place.dataIndex, known.dataFrom, rank.dataIndex, "the recording");
  // Several stages on one rank are chunks of an interleaved schedule: no single stage to name.
  const std::set<int32_t>& stages = annotations.stages[index];
  if (stages.size() == 1)
    setFirst(place.stage, known.stageFrom, *stages.begin(), "stage named by annotations");
  const GroupRoles::Place pipeline = roles.placeOf(rank.rank, GroupRole::kPipeline);
  setFirst(place.stage, known.stageFrom, pipeline.index, pipeline.foundBy);
  setByGroups();
  return known;
}

// One of a rank's coordinates: what it is called, where it is kept, and what would help.
struct Coordinate {
  std::string_view what;
  int32_t RankPlace::*index;
  std::string KnownPlace::*from;
  GroupRole role;
  const char* sizeKey;
  std::string_view help;
};

const std::array<Coordinate, 3> kCoordinates{
    {{"pipeline stages", &RankPlace::stage, &KnownPlace::stageFrom, GroupRole::kPipeline,
      kStageCountKey,
      "no stage in the recording or in names of annotations, no process group described as "
      "pipeline-parallel; state it with --hint"},
     {"tensor-parallel size", &RankPlace::tensorIndex, &KnownPlace::tensorFrom, GroupRole::kTensor,
      kTensorSizeKey,
      "no process group is tensor-parallel by its description or traffic; state it with --hint"},
     {"data-parallel size", &RankPlace::dataIndex, &KnownPlace::dataFrom, GroupRole::kData,
      kReplicaCountKey,
      "no process group is data-parallel by its description or traffic; state it with --hint"}}};

// Of the whole run; 0: not known. The opened ranks may be some of it only.
int32_t sizeOf(const Trace& trace, const GroupRoles& roles, const Coordinate& coordinate) {
  int32_t size = statedSize(trace, coordinate.sizeKey);
  for (const trace::Rank& rank : trace.ranks())
    size = std::max(size, roles.placeOf(rank.rank, coordinate.role).size);
  return size;
}

// Why nothing tells the ranks' places, and what would help.
std::string whyUnknown(const Trace& trace, const GroupRoles& roles, const Coordinate& coordinate) {
  for (const trace::Rank& rank : trace.ranks()) {
    const std::string why = roles.placeOf(rank.rank, coordinate.role).whyNot;
    if (!why.empty()) return why + "; state it with --hint";
  }
  return std::string(coordinate.help);
}

Fact countFact(const Trace& trace, const GroupRoles& roles, const Structure& structure,
               const Coordinate& coordinate, int32_t size) {
  std::set<int32_t> seen;
  size_t unknown = 0;
  std::set<std::string> sources;
  for (const KnownPlace& known : structure.ranks) {
    if (known.place.*coordinate.index >= 0)
      seen.insert(known.place.*coordinate.index);
    else
      ++unknown;
    if (!(known.*coordinate.from).empty()) sources.insert(known.*coordinate.from);
  }
  if (seen.empty())
    return {fmt::format("{}: cannot tell", coordinate.what), whyUnknown(trace, roles, coordinate)};
  const int32_t count = std::max(size, *seen.rbegin() + 1);
  std::string what =
      fmt::format("{}: {}{}", coordinate.what, unknown > 0 && size == 0 ? "at least " : "", count);
  if (static_cast<int32_t>(seen.size()) < count)
    what += fmt::format("; {} of them in the trace", seen.size());
  if (unknown > 0) what += fmt::format("; not known of {} ranks", unknown);
  return {what, fmt::format("{}", fmt::join(sources, ", "))};
}

void addGroupFacts(const Trace& trace, const GroupRoles& roles, Structure& structure) {
  using Key = std::pair<GroupRole, std::string>;
  std::map<Key, std::pair<int32_t, int32_t>> groups;  // groups, largest size
  int32_t unknown = 0;
  for (uint32_t i = 0; i < trace.processGroups().size(); ++i) {
    const trace::ProcessGroup& group = trace.processGroups()[i];
    if (group.size < 2) continue;
    const GroupFinding& finding = roles.of(i);
    if (finding.role == GroupRole::kUnknown) {
      ++unknown;
      continue;
    }
    auto& counted = groups[{finding.role, finding.foundBy}];
    ++counted.first;
    counted.second = std::max(counted.second, group.size);
  }
  for (const auto& [key, counted] : groups) {
    structure.facts.push_back({fmt::format("{}-parallel groups: {}, of up to {} ranks",
                                           name(key.first), counted.first, counted.second),
                               key.second});
  }
  if (unknown > 0) {
    structure.facts.push_back(
        {fmt::format("purpose of {} process groups of several ranks: cannot tell", unknown),
         "neither their descriptions nor their traffic say"});
  }
}

void addStepFact(const Trace& trace, const std::stop_token& stop, Structure& structure) {
  std::set<int32_t> numbers;
  const ProfilerSteps steps(trace, stop);
  for (uint32_t rank = 0; rank < trace.ranks().size(); ++rank) {
    for (const ProfilerSteps::Step& step : steps.ofRank(rank)) numbers.insert(step.number);
  }
  if (!numbers.empty())
    structure.facts.push_back({fmt::format("steps: {}", numbers.size()), steps.foundBy()});
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

Structure inferStructure(const Trace& trace, const StructureHint& hint,
                         const std::stop_token& stop) {
  const Annotations annotations = readAnnotations(trace, stop);
  const CommNames comm;
  const GroupRoles roles(trace, comm, stop);
  Structure structure;
  for (uint32_t index = 0; index < trace.ranks().size(); ++index)
    structure.ranks.push_back(placeOf(trace, index, annotations, roles, hint));
  structure.stageCount = sizeOf(trace, roles, kCoordinates[0]);
  structure.tensorSize = sizeOf(trace, roles, kCoordinates[1]);
  structure.dataSize = sizeOf(trace, roles, kCoordinates[2]);
  const std::array<int32_t, 3> sizes{structure.stageCount, structure.tensorSize,
                                     structure.dataSize};
  for (size_t i = 0; i < kCoordinates.size(); ++i)
    structure.facts.push_back(countFact(trace, roles, structure, kCoordinates[i], sizes[i]));
  addGroupFacts(trace, roles, structure);
  addStepFact(trace, stop, structure);
  addAnnotationFacts(annotations, structure);
  if (const auto model = buildStepModel(trace, stop)) {
    structure.facts.insert(structure.facts.end(), model->facts.begin(), model->facts.end());
  } else {
    structure.facts.push_back({"passes of micro-batches: cannot tell", model.error().message});
  }
  return structure;
}

}  // namespace caracal::analysis
