#include "app/ui/timeline/fold_steps.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "app/ui/timeline/scene_steps.h"
#include "app/ui/timeline/track_rows.h"

namespace caracal::ui {
namespace {

using analysis::PassSpan;
using analysis::StageStep;

// More steps than a screen shows: details start folded below the summary.
constexpr size_t kMostOpenSteps = 8;

int64_t middleOf(std::vector<int64_t> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// A pass by what it is, in every step the same: which, of which micro-batch and chunk, and the how
// manieth such.
using PassKey = std::tuple<trace::Pass, int32_t, int32_t, int32_t>;
struct PassTimes {
  std::vector<int64_t> begins, ends;  // from the start of the step
  trace::EventIndex event = trace::kNoIndex;
};

class Folder {
 public:
  Folder(const SceneRun& run, const std::vector<size_t>& steps, const std::stop_token& stop)
      : m_source(run), m_steps(steps), m_profilerSteps(*run.trace, stop) {
    m_scene.folded = true;
    for (const size_t step : steps) {
      SceneRun folded = run;
      folded.shiftNs = run.shiftNs - run.steps[step].beginNs;
      folded.steps = {{0, run.steps[step].lengthNs()}};
      folded.stepNumbers = {run.stepNumbers[step]};
      folded.overview.clear();
      folded.events = std::make_shared<const EventBlocks>(run.trace, folded.shiftNs);
      m_scene.range.endNs = std::max(m_scene.range.endNs, folded.steps.front().endNs);
      m_scene.runs.push_back(std::move(folded));
    }
  }

  // False: stopped.
  bool build(const std::stop_token& stop) {
    Row header;
    header.kind = RowKind::kRun;
    header.label = m_source.name;
    header.detail = fmt::format("{} steps folded", m_steps.size());
    const uint32_t top = push(std::move(header), kNoRow);
    if (m_source.model) {
      buildStages(top);
      return true;
    }
    for (uint32_t rank = 0; rank < m_source.trace->ranks().size(); ++rank) {
      if (stop.stop_requested()) return false;
      buildRank(top, rank);
    }
    return true;
  }
  Scene take() { return std::move(m_scene); }

 private:
  uint32_t push(Row row, uint32_t parent) {
    row.parent = parent;
    row.depth = parent == kNoRow ? 0 : m_scene.rows[parent].depth + 1;
    m_scene.rows.push_back(std::move(row));
    return static_cast<uint32_t>(m_scene.rows.size() - 1);
  }
  InitialFold foldOfDetails() const {
    return m_steps.size() > kMostOpenSteps ? InitialFold::kFolded : InitialFold::kOpen;
  }
  std::string stepLabel(size_t index) const {
    return fmt::format("step {}", m_scene.runs[index].stepNumbers.front());
  }

  // Stages of one replica, each with its part of every folded step; null where it has none.
  void buildStages(uint32_t top) {
    std::map<std::pair<int32_t, int32_t>, std::vector<const StageStep*>> byStage;
    for (size_t i = 0; i < m_steps.size(); ++i) {
      for (const StageStep& s : m_source.model->stageSteps) {
        if (s.step != m_scene.runs[i].stepNumbers.front()) continue;
        auto& steps = byStage[{s.replica, s.stage}];
        steps.resize(m_steps.size());
        steps[i] = &s;
      }
    }
    const bool replicas = m_source.model->replicaCount > 1;
    for (const auto& [place, steps] : byStage) {
      Row row;
      row.kind = RowKind::kStage;
      row.replica = place.first;
      row.stage = place.second;
      row.label = replicas ? fmt::format("stage {} of replica {}", place.second, place.first)
                           : fmt::format("stage {}", place.second);
      row.detail = fmt::format("median of {}", m_steps.size());
      row.fold = foldOfDetails();
      row.lanes = spreadOverLanes(medianPasses(steps));
      const uint32_t parent = push(std::move(row), top);
      for (size_t i = 0; i < steps.size(); ++i) {
        if (steps[i] != nullptr) buildStageStep(parent, i, *steps[i]);
      }
    }
  }

  std::vector<Block> medianPasses(const std::vector<const StageStep*>& steps) const {
    std::map<PassKey, PassTimes> passes;
    size_t present = 0;
    for (size_t i = 0; i < steps.size(); ++i) {
      if (steps[i] == nullptr) continue;
      ++present;
      std::map<PassKey, int32_t> seen;
      for (const PassSpan& pass : steps[i]->passes) {
        const int32_t before = seen[{pass.pass, pass.microBatch, pass.chunk, 0}]++;
        PassTimes& times = passes[{pass.pass, pass.microBatch, pass.chunk, before}];
        times.begins.push_back(pass.span.beginNs + m_scene.runs[i].shiftNs);
        times.ends.push_back(pass.span.endNs + m_scene.runs[i].shiftNs);
        if (times.event == trace::kNoIndex) times.event = pass.event;
      }
    }
    std::vector<Block> blocks;
    for (const auto& [key, times] : passes) {
      if (2 * times.begins.size() < present) continue;
      const int64_t begin = middleOf(times.begins);
      blocks.push_back({begin, std::max(begin, middleOf(times.ends)), times.event,
                        passStyle(std::get<0>(key), std::get<1>(key))});
    }
    arrangePasses(blocks);
    return blocks;
  }

  void buildStageStep(uint32_t parent, size_t index, const StageStep& stage) {
    const int64_t shift = m_scene.runs[index].shiftNs;
    std::vector<Block> passes, bubbles;
    for (const PassSpan& pass : stage.passes) {
      passes.push_back({pass.span.beginNs + shift, pass.span.endNs + shift, pass.event,
                        passStyle(pass.pass, pass.microBatch)});
    }
    arrangePasses(passes);
    Row row;
    row.run = static_cast<uint32_t>(index);
    row.rankIndex = stage.rankIndex;
    row.stage = stage.stage;
    row.replica = stage.replica;
    row.label = stepLabel(index);
    row.lanes = spreadOverLanes(passes);
    const uint32_t place = push(std::move(row), parent);
    for (const analysis::Bubble& bubble : stage.bubbles) {
      const Span span{bubble.span.beginNs + shift, bubble.span.endNs + shift};
      bubbles.push_back({span.beginNs,
                         span.endNs,
                         static_cast<uint32_t>(m_scene.bubbles.size()),
                         {paintOf(bubble.cause), 0}});
      m_scene.bubbles.push_back({span, bubble.cause, place, stage.step});
    }
    m_scene.rows[place].bubbles = Lane(std::move(bubbles));
  }

  void buildRank(uint32_t top, uint32_t rankIndex) {
    Row header;
    header.kind = RowKind::kRank;
    header.rankIndex = rankIndex;
    header.label = fmt::format("rank {}", m_source.trace->ranks()[rankIndex].rank);
    header.fold = foldOfDetails();
    const uint32_t parent = push(std::move(header), top);
    for (size_t i = 0; i < m_steps.size(); ++i) {
      Row row;
      row.run = static_cast<uint32_t>(i);
      row.rankIndex = rankIndex;
      row.label = stepLabel(i);
      row.gpuWork = true;
      row.lanes = workLanes(m_scene.runs[i], rankIndex,
                            {m_profilerSteps, m_scene.runs[i].stepNumbers.front(), spanInTrace(i)});
      for (const Lane& lane : row.lanes) {
        if (!lane.empty())
          m_scene.range.endNs = std::max(m_scene.range.endNs, lane.span(lane.size() - 1).endNs);
      }
      push(std::move(row), parent);
    }
  }

  Span spanInTrace(size_t index) const {
    const Span step = m_source.steps[m_steps[index]];
    return {step.beginNs - m_source.shiftNs, step.endNs - m_source.shiftNs};
  }

  const SceneRun& m_source;
  const std::vector<size_t>& m_steps;
  const analysis::ProfilerSteps m_profilerSteps;
  Scene m_scene;
};

// At most kMostFoldedSteps of them, evenly chosen.
std::vector<size_t> thinned(const std::vector<size_t>& steps) {
  if (steps.size() <= kMostFoldedSteps) return steps;
  std::vector<size_t> some;
  for (size_t i = 0; i < kMostFoldedSteps; ++i)
    some.push_back(steps[i * steps.size() / kMostFoldedSteps]);
  return some;
}

}  // namespace

std::shared_ptr<const Scene> foldSteps(const Scene& scene, const FoldRequest& request,
                                       const std::stop_token& stop) {
  const std::vector<size_t> steps = thinned(request.steps);
  Folder folder(scene.runs[request.run], steps, stop);
  if (!folder.build(stop)) return nullptr;
  return std::make_shared<const Scene>(folder.take());
}

}  // namespace caracal::ui
