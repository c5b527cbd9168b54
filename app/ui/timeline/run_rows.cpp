#include "app/ui/timeline/run_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "app/ui/timeline/scene_steps.h"

namespace caracal::ui {
namespace {

using analysis::StageStep;
using trace::EventKind;

// More groups than this and only the summaries fit a screen: details start folded. So do they when
// several runs are compared, which are to be seen below each other.
constexpr size_t kMostOpenGroups = 4;

class RunRows {
 public:
  RunRows(Scene& scene, uint32_t run, Grouping grouping, RankRows rankRows)
      : m_scene(scene), m_run(run), m_grouping(grouping), m_rankRows(std::move(rankRows)) {}

  void build() {
    const SceneRun& run = m_scene.runs[m_run];
    Row header;
    header.kind = RowKind::kRun;
    header.run = m_run;
    header.label = run.name;
    const size_t ranks = run.trace->ranks().size();
    header.detail = fmt::format("{}, {} {}", trace::name(run.trace->tag()), ranks,
                                ranks == 1 ? "rank" : "ranks");
    const uint32_t top = push(std::move(header), kNoRow);
    if (run.model && m_grouping == Grouping::kByStage) buildReplicas(top);
    buildRanks(top);
  }

 private:
  uint32_t push(Row row, uint32_t parent) {
    row.run = m_run;
    row.parent = parent;
    row.depth = parent == kNoRow ? 0 : m_scene.rows[parent].depth + 1;
    m_scene.rows.push_back(std::move(row));
    return static_cast<uint32_t>(m_scene.rows.size() - 1);
  }

  const SceneRun& run() const { return m_scene.runs[m_run]; }

  void buildReplicas(uint32_t top) {
    std::map<int32_t, std::map<int32_t, std::vector<const StageStep*>>> byReplica;
    for (const StageStep& s : run().model->stageSteps) byReplica[s.replica][s.stage].push_back(&s);
    size_t stages = 0;
    for (const auto& [replica, byStage] : byReplica) stages += byStage.size();
    for (const auto& [replica, byStage] : byReplica) {
      uint32_t parent = top;
      if (byReplica.size() > 1) {
        Row header;
        header.kind = RowKind::kReplica;
        header.replica = replica;
        header.label = fmt::format("replica {}", replica);
        parent = push(std::move(header), top);
      }
      for (const auto& [stage, steps] : byStage) {
        buildStage(parent, steps,
                   stages > kMostOpenGroups || m_scene.runs.size() > 1 ? InitialFold::kFolded
                                                                       : InitialFold::kOpen);
      }
    }
  }

  void buildStage(uint32_t parent, const std::vector<const StageStep*>& steps, InitialFold fold) {
    const StageStep& first = *steps.front();
    Row row;
    row.kind = RowKind::kStage;
    row.stage = first.stage;
    row.replica = first.replica;
    row.rankIndex = first.rankIndex;
    row.label = fmt::format("stage {}", first.stage);
    row.detail = idleShare(steps);
    row.fold = fold;
    row.lanes = spreadOverLanes(passBlocks(steps));
    if (Lane recompute = recomputeLane(first.rankIndex); !recompute.empty()) {
      row.lanes.push_back(std::move(recompute));
    }
    const uint32_t index = push(std::move(row), parent);
    m_scene.rows[index].bubbles = bubbleLane(index, steps);
    buildStageRanks(index, first);
  }

  // Of one stage alone a bubble says nothing: nobody waits for a neighbour.
  std::string idleShare(const std::vector<const StageStep*>& steps) const {
    const bool alone = run().model->stageCount == 1;
    int64_t wholeNs = 0;
    int64_t idleNs = 0;
    for (const StageStep* s : steps) {
      wholeNs += alone ? s->stepSpan.lengthNs() : s->pipelineWindow.lengthNs();
      idleNs += alone ? s->stepSpan.lengthNs() - s->busyNs : s->bubbleNs;
    }
    if (wholeNs == 0) return {};
    return fmt::format("{} {:.1f} %", alone ? "idle" : "bubble",
                       100.0 * static_cast<double>(idleNs) / static_cast<double>(wholeNs));
  }

  std::vector<Block> passBlocks(const std::vector<const StageStep*>& steps) const {
    std::vector<Block> blocks;
    for (const StageStep* s : steps) {
      for (const analysis::PassSpan& pass : s->passes) {
        blocks.push_back({pass.span.beginNs + run().shiftNs, pass.span.endNs + run().shiftNs,
                          pass.event, passStyle(pass.pass, pass.microBatch)});
      }
    }
    arrangePasses(blocks);
    return blocks;
  }

  Lane recomputeLane(uint32_t rankIndex) const {
    const trace::Trace& trace = *run().trace;
    std::vector<Block> blocks;
    for (const trace::Track& track : trace.tracks()) {
      if (track.rank != rankIndex || track.kind != trace::TrackKind::kComputeLane) continue;
      for (trace::EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
        if (trace.kind(e) != EventKind::kRecompute) continue;
        const Span span = shifted(trace.span(e), run().shiftNs);
        blocks.push_back({span.beginNs, span.endNs, e, {Paint::kRecompute, 0}});
      }
    }
    std::vector<Lane> lanes = spreadOverLanes(blocks);
    return lanes.empty() ? Lane() : std::move(lanes.front());
  }

  Lane bubbleLane(uint32_t row, const std::vector<const StageStep*>& steps) {
    std::vector<Block> blocks;
    int64_t end = INT64_MIN;
    for (const StageStep* s : steps) {
      for (const analysis::Bubble& bubble : s->bubbles) {
        Span span = shifted(bubble.span, run().shiftNs);
        // Sampled steps may claim the same idle time twice: the first one keeps it.
        span.beginNs = std::max(span.beginNs, end);
        if (span.endNs <= span.beginNs) continue;
        end = span.endNs;
        blocks.push_back({span.beginNs,
                          span.endNs,
                          static_cast<uint32_t>(m_scene.bubbles.size()),
                          {paintOf(bubble.cause), 0}});
        m_scene.bubbles.push_back({span, bubble.cause, row, s->step});
      }
    }
    return Lane(std::move(blocks));
  }

  // The ranks that make up a stage, tensor index 0 first.
  std::vector<uint32_t> ranksOf(const StageStep& stage) const {
    const auto& ranks = run().trace->ranks();
    std::vector<uint32_t> indices{stage.rankIndex};
    for (uint32_t r = 0; r < ranks.size(); ++r) {
      const bool sameReplica = ranks[r].dataIndex < 0 || ranks[r].dataIndex == stage.replica;
      if (r != stage.rankIndex && ranks[r].stage == stage.stage && sameReplica)
        indices.push_back(r);
    }
    return indices;
  }

  void buildStageRanks(uint32_t stageRow, const StageStep& stage) {
    const std::vector<uint32_t> ranks = ranksOf(stage);
    for (const uint32_t rank : ranks) {
      // A rank that holds several stages shows its tracks below the first of them.
      if (!m_shown.insert(rank).second) continue;
      if (ranks.size() == 1) {
        buildTracks(stageRow, rank);
      } else {
        buildRank(stageRow, rank,
                  rank == stage.rankIndex ? InitialFold::kOpen : InitialFold::kFolded);
      }
    }
  }

  void buildRanks(uint32_t top) {
    const auto& ranks = run().trace->ranks();
    bool first = true;
    for (uint32_t r = 0; r < ranks.size(); ++r) {
      if (m_shown.count(r) > 0) continue;
      // The first of many stays open, as an example of what the others hold.
      const bool fold = ranks.size() > kMostOpenGroups / 2 && !first;
      buildRank(top, r, fold ? InitialFold::kFolded : InitialFold::kOpen);
      first = false;
    }
  }

  void buildRank(uint32_t parent, uint32_t rankIndex, InitialFold fold) {
    const trace::Rank& rank = run().trace->ranks()[rankIndex];
    Row row;
    row.kind = RowKind::kRank;
    row.rankIndex = rankIndex;
    row.label = fmt::format("rank {}", rank.rank);
    row.detail = rank.deviceName.empty() ? rank.host : rank.deviceName;
    row.fold = fold;
    buildTracks(push(std::move(row), parent), rankIndex);
  }

  void buildTracks(uint32_t parent, uint32_t rankIndex) {
    for (Row& row : m_rankRows[rankIndex]) {
      row.stage = m_scene.rows[parent].stage;
      row.replica = m_scene.rows[parent].replica;
      if (!repeatsStageRow(parent, row)) push(std::move(row), parent);
    }
  }

  // The stage row shows the passes of its representative rank already.
  bool repeatsStageRow(uint32_t parent, const Row& row) const {
    uint32_t stage = parent;
    while (stage != kNoRow && m_scene.rows[stage].kind != RowKind::kStage)
      stage = m_scene.rows[stage].parent;
    if (stage == kNoRow || m_scene.rows[stage].rankIndex != row.rankIndex) return false;
    for (const Lane& lane : row.lanes) {
      for (size_t i = 0; i < lane.size(); ++i) {
        if (run().trace->kind(lane.source(i)) != EventKind::kPass) return false;
      }
    }
    return true;
  }

  Scene& m_scene;
  uint32_t m_run;
  Grouping m_grouping;
  RankRows m_rankRows;
  std::set<uint32_t> m_shown;
};

}  // namespace

void addRunRows(Scene& scene, uint32_t run, Grouping grouping, RankRows rankRows) {
  RunRows(scene, run, grouping, std::move(rankRows)).build();
}

}  // namespace caracal::ui
