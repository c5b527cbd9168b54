// What is known of a pipeline trace only when it ends: which rank a row belongs to, and with that
// the ranks, their tracks, the other ends of transfers, and the steps.
#include <algorithm>

#include "core/import/chrome/decimal.h"
#include "core/import/pipeline/operation_collector.h"

namespace caracal::import::pipeline {
namespace {

using trace::EventArgs;
using trace::EventIndex;
using trace::EventKind;
using trace::TrackKind;

int32_t sizeIn(const std::map<std::string, std::string>& description, const char* key) {
  const auto found = description.find(key);
  if (found == description.end()) return 1;
  const auto size = chrome::signedInteger(found->second);
  return size && *size >= 1 && *size <= (1 << 20) ? static_cast<int32_t>(*size) : 1;
}

}  // namespace

WorkerPlace OperationCollector::placeOf(const Row& row, const RowInfo& info) const {
  const auto named = rowNameOf(info.name);
  const auto process = static_cast<int32_t>(std::clamp<int64_t>(row.process, 0, 1 << 20));
  if (!named) return {.stage = process};  // MegatronApp: pid is the stage
  const auto processName = m_processNames.find(row.process);
  const auto replica = processName == m_processNames.end() ? std::optional<int32_t>()
                                                           : replicaOf(processName->second);
  return {named->stage, replica.value_or(process), named->tensor};
}

GridSizes OperationCollector::makeRanks(const chrome::ChromeDocument& document,
                                        const std::string& path) {
  const auto description = descriptionBeside(path);
  GridSizes sizes{sizeIn(description, "pp_size"), sizeIn(description, "dp_size"),
                  sizeIn(description, "tp_size")};
  int64_t unplaced = document.entries;
  for (const auto& [row, info] : m_rows) {
    const WorkerPlace place = placeOf(row, info);
    sizes.include(place);
    m_ranks.emplace(place, 0);
    unplaced -= info.records;
  }
  for (auto& [place, index] : m_ranks) {
    trace::Rank rank;
    rank.rank = sizes.rankOf(place);
    rank.file = path;
    rank.foundBy = "place in the pipeline";
    rank.stage = place.stage;
    rank.tensorIndex = place.tensor;
    rank.dataIndex = place.replica;
    rank.resolutionNs = m_hasDecimals ? 1 : 1000;
    rank.sourceRecords = unplaced;  // rows' names and what is no event: with the first
    unplaced = 0;
    index = m_builder.addRank(std::move(rank));
  }
  for (const auto& [row, info] : m_rows)
    m_builder.rank(m_ranks[placeOf(row, info)]).sourceRecords += info.records;
  m_builder.meta()["pp"] = std::to_string(sizes.stages);
  m_builder.meta()["dp"] = std::to_string(sizes.replicas);
  m_builder.meta()["tp"] = std::to_string(sizes.tensor);
  return sizes;
}

void OperationCollector::placeTracks() {
  for (const auto& [row, info] : m_rows) {
    const uint32_t rank = m_ranks[placeOf(row, info)];
    const auto named = rowNameOf(info.name);
    const std::string lane = named && !named->lane.empty() ? named->lane : "other";
    for (const auto& [layer, index] : info.tracks) {
      trace::Track& track = m_builder.track(index);
      track.rank = rank;
      if (layer == Layer::kPasses) {
        track.kind = TrackKind::kPassLane;
        track.label = "passes";
      } else if (layer == Layer::kMarks) {
        track.label = "steps";
        m_stepTracks.emplace(rank, index);
      } else {
        const bool comm = lane.find("comm") != std::string::npos;
        track.kind = lane == "compute" ? TrackKind::kComputeLane
                     : comm            ? TrackKind::kCommLane
                                       : TrackKind::kOther;
        track.label = lane;
      }
    }
  }
}

// The ranks that hold the same layers: all replicas of a stage and tensor index.
uint32_t OperationCollector::replicaGroup(const WorkerPlace& place, const GridSizes& sizes) {
  trace::ProcessGroup group;
  group.name = fmt::format("dp.{}.{}", place.stage, place.tensor);
  group.description = "DATA_PARALLEL_GROUP";
  group.size = sizes.replicas;
  for (int32_t replica = 0; replica < sizes.replicas; ++replica) {
    group.ranks.push_back(sizes.rankOf({place.stage, replica, place.tensor}));
  }
  return m_builder.addGroup(std::move(group));
}

void OperationCollector::completeArguments(const GridSizes& sizes) {
  std::map<uint32_t, uint32_t> groupOfRank;
  for (const Row& row : m_replicaRows) {
    const WorkerPlace place = placeOf(row, m_rows[row]);
    groupOfRank[m_ranks[place]] = replicaGroup(place, sizes);
  }
  m_builder.forEachEvent([&](EventIndex e) {
    if (m_builder.kindOf(e) == EventKind::kInstant) return;
    const uint32_t index = m_builder.track(m_builder.trackOf(e)).rank;
    const trace::Rank& rank = m_builder.rank(index);
    EventArgs args = m_builder.argsOf(e);
    args.stage = rank.stage;
    if (args.peer >= 0) {
      // Chunks of an interleaved schedule go around: behind the last stage comes the first.
      const int32_t step = args.peer == kTowardsAfter ? 1 : -1;
      const int32_t peer = (rank.stage + step + sizes.stages) % sizes.stages;
      args.peer = sizes.rankOf({peer, rank.dataIndex, rank.tensorIndex});
    }
    if (args.group != trace::kNoIndex) args.group = groupOfRank.at(index);
    m_builder.setArgs(e, args);
  });
}

void OperationCollector::widenStep(StepExtents& extents, int32_t step, Span by) {
  Span& extent = extents.try_emplace(step, by).first->second;
  extent = {std::min(extent.beginNs, by.beginNs), std::max(extent.endNs, by.endNs)};
}

// A step of a rank: between its marks where it has them, else from the first event of the step on
// any rank to the first of the next one; where the next one was not recorded, to the last event.
void OperationCollector::addSteps() {
  StepExtents extents = std::move(m_leftOutSteps);
  m_builder.forEachEvent([&](EventIndex e) {
    const int32_t step = m_builder.argsOf(e).step;
    if (step < 0) return;
    widenStep(extents, step,
              {m_builder.beginOf(e), m_builder.beginOf(e) + m_builder.durationOf(e)});
  });
  std::map<std::pair<uint32_t, int32_t>, MarkedStep> marks;
  for (const auto& [key, mark] : m_marks) {
    marks[{m_ranks[placeOf(key.first, m_rows[key.first])], key.second}] = mark;
  }
  for (const auto& [place, rank] : m_ranks) {
    const auto [track, isNew] = m_stepTracks.try_emplace(rank, 0);
    if (isNew) track->second = m_builder.addTrack({.rank = rank, .label = "steps"});
    for (const auto& [step, extent] : extents) {
      const auto next = extents.find(step + 1);
      const bool followed = next != extents.end() && next->second.beginNs > extent.beginNs;
      const auto mark = marks.find({rank, step});
      int64_t begin = extent.beginNs;
      int64_t end = followed ? next->second.beginNs : extent.endNs;
      if (mark != marks.end() && mark->second.beginNs != kNever) begin = mark->second.beginNs;
      if (mark != marks.end() && mark->second.endNs != kNever) end = mark->second.endNs;
      m_builder.add(
          {track->second, EventKind::kAnnotation, m_builder.intern(fmt::format("step:{}", step)),
           begin, std::max<int64_t>(0, end - begin)},
          {.step = step});
    }
  }
}

Result<trace::TraceBuilder> OperationCollector::finish(const chrome::ChromeDocument& document,
                                                       const std::string& path) {
  const bool leftOut = m_builder.report().of(trace::Defect::kLeftOutByRequest) > 0;
  if (m_builder.eventCount() == 0 && !leftOut) {
    return fail(
        ErrorCode::kInvalidInput,
        "no events: none of the {} entries of the event array is one; record again with the "
        "profiler's activities on (docs/recording.md)",
        document.entries);
  }
  m_openRanges.closeAll(m_lastNs, m_builder);
  const GridSizes sizes = makeRanks(document, path);
  placeTracks();
  completeArguments(sizes);
  addSteps();
  m_builder.report().add(document.report);
  m_builder.setTag(trace::Tag::kMeasured);
  m_builder.setFormat("pipeline");
  return std::move(m_builder);
}

}  // namespace caracal::import::pipeline
