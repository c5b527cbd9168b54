#include "app/ui/timeline/scene.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "app/ui/timeline/track_rows.h"

namespace caracal::ui {
namespace {

using analysis::StageStep;
using trace::EventKind;

// More groups than this and only the summaries fit a screen: details start folded. So do they when
// several runs are compared, which are to be seen below each other.
constexpr size_t kMostOpenGroups = 4;

Span shifted(Span span, int64_t by) {
  return {span.beginNs + by, span.endNs + by};
}

// Op-level tracers stamp a pass's start before the one before it has ended, by microseconds. Drawn
// exactly, every such pair would take a second lane: the later block starts where the earlier ends
// instead, when that moves it by no more than a hundredth. The details panel tells the exact times.
void closeStampingOverlaps(std::vector<Block>& blocks) {
  for (size_t i = 1; i < blocks.size(); ++i) {
    const Block& before = blocks[i - 1];
    const int64_t overlap = before.endNs - blocks[i].beginNs;
    const int64_t shorter = std::min(before.durationNs(), blocks[i].durationNs());
    if (overlap > 0 && overlap * 100 <= shorter) blocks[i].beginNs = before.endNs;
  }
}

// Steps from the model, or from the profiler's own step annotations.
std::vector<Span> stepsOf(const SceneRun& run) {
  std::map<int32_t, Span> byNumber;
  if (run.model) {
    for (const StageStep& s : run.model->stageSteps) {
      const auto [it, isNew] = byNumber.try_emplace(s.step, s.stepSpan);
      if (isNew) continue;
      it->second.beginNs = std::min(it->second.beginNs, s.stepSpan.beginNs);
      it->second.endNs = std::max(it->second.endNs, s.stepSpan.endNs);
    }
  }
  std::vector<Span> steps;
  for (const auto& [number, span] : byNumber) steps.push_back(shifted(span, run.shiftNs));
  if (steps.empty()) {
    const trace::Trace& trace = *run.trace;
    for (trace::EventIndex e = 0; e < trace.eventCount(); ++e) {
      if (trace.kind(e) != EventKind::kAnnotation) continue;
      const std::string_view name = trace.name(e);
      if (name.starts_with("ProfilerStep#") || name.starts_with("step:")) {
        steps.push_back(shifted(trace.span(e), run.shiftNs));
      }
    }
    std::sort(steps.begin(), steps.end(), [](Span a, Span b) { return a.beginNs < b.beginNs; });
  }
  return steps;
}

class RunRows {
 public:
  RunRows(Scene& scene, uint32_t run) : m_scene(scene), m_run(run) {}

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
    if (run.model) buildReplicas(top);
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

  std::string idleShare(const std::vector<const StageStep*>& steps) const {
    int64_t window = 0;
    int64_t bubble = 0;
    for (const StageStep* s : steps) {
      window += s->pipelineWindow.lengthNs();
      bubble += s->bubbleNs;
    }
    if (window == 0) return {};
    return fmt::format("bubble {:.1f} %",
                       100.0 * static_cast<double>(bubble) / static_cast<double>(window));
  }

  std::vector<Block> passBlocks(const std::vector<const StageStep*>& steps) const {
    std::vector<Block> blocks;
    for (const StageStep* s : steps) {
      for (const analysis::PassSpan& pass : s->passes) {
        blocks.push_back({pass.span.beginNs + run().shiftNs, pass.span.endNs + run().shiftNs,
                          pass.event, passStyle(pass.pass, pass.microBatch)});
      }
    }
    std::sort(blocks.begin(), blocks.end(), [](const Block& a, const Block& b) {
      return a.beginNs != b.beginNs ? a.beginNs < b.beginNs : a.endNs > b.endNs;
    });
    closeStampingOverlaps(blocks);
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
      m_shown.insert(rank);
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
    Row prototype;
    prototype.stage = m_scene.rows[parent].stage;
    prototype.replica = m_scene.rows[parent].replica;
    for (Row& row : trackRows(run(), rankIndex, prototype)) {
      if (!repeatsStageRow(parent, row)) push(std::move(row), parent);
    }
  }

  // The stage row shows the passes of its representative rank already.
  bool repeatsStageRow(uint32_t parent, const Row& row) const {
    uint32_t stage = parent;
    while (stage != kNoRow && m_scene.rows[stage].kind != RowKind::kStage)
      stage = m_scene.rows[stage].parent;
    if (stage == kNoRow || m_scene.rows[stage].rankIndex != row.rankIndex) return false;
    return std::all_of(row.lanes.begin(), row.lanes.end(), [&](const Lane& lane) {
      return std::all_of(lane.blocks().begin(), lane.blocks().end(), [&](const Block& b) {
        return run().trace->kind(b.source) == EventKind::kPass;
      });
    });
  }

  Scene& m_scene;
  uint32_t m_run;
  std::set<uint32_t> m_shown;
};

}  // namespace

uint32_t Scene::subtreeEnd(uint32_t row) const {
  uint32_t end = row + 1;
  while (end < rows.size() && rows[end].depth > rows[row].depth) ++end;
  return end;
}

size_t Scene::blockCount() const {
  size_t count = bubbles.size();
  for (const Row& row : rows) {
    for (const Lane& lane : row.lanes) count += lane.blocks().size();
  }
  return count;
}

std::shared_ptr<const Scene> buildScene(const std::vector<RunInput>& inputs) {
  auto scene = std::make_shared<Scene>();
  bool first = true;
  for (const RunInput& input : inputs) {
    SceneRun run{input.name, input.trace, input.model, 0, {}};
    run.shiftNs = -input.alignNs.value_or(input.trace->range().beginNs);
    run.steps = stepsOf(run);
    const Span range = shifted(input.trace->range(), run.shiftNs);
    scene->range = first ? range
                         : Span{std::min(scene->range.beginNs, range.beginNs),
                                std::max(scene->range.endNs, range.endNs)};
    first = false;
    scene->runs.push_back(std::move(run));
  }
  // Rows second: how much is folded depends on how many runs there are.
  for (uint32_t run = 0; run < scene->runs.size(); ++run) RunRows(*scene, run).build();
  return scene;
}

const Lane& laneOf(const Scene& scene, uint32_t row, uint32_t lane) {
  return lane == kBubbleLane ? scene.rows[row].bubbles : scene.rows[row].lanes[lane];
}

const Block& blockOf(const Scene& scene, const BlockRef& ref) {
  return laneOf(scene, ref.row, ref.lane).blocks()[ref.index];
}

BlockRef findEvent(const Scene& scene, uint32_t run, trace::EventIndex event) {
  const SceneRun& of = scene.runs[run];
  const int64_t begin = of.trace->beginNs(event) + of.shiftNs;
  for (uint32_t r = 0; r < scene.rows.size(); ++r) {
    if (scene.rows[r].run != run) continue;
    for (uint32_t l = 0; l < scene.rows[r].lanes.size(); ++l) {
      const auto& blocks = scene.rows[r].lanes[l].blocks();
      auto it = std::partition_point(blocks.begin(), blocks.end(),
                                     [&](const Block& b) { return b.beginNs < begin; });
      for (; it != blocks.end() && it->beginNs == begin; ++it) {
        if (it->source == event) return {r, l, static_cast<uint32_t>(it - blocks.begin())};
      }
    }
  }
  return {};
}

}  // namespace caracal::ui
