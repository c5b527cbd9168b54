#include "core/planner/settled_plan.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "core/planner/pipeline_model.h"
#include "core/planner/stage_choice.h"
#include "core/planner/variant_table.h"

namespace caracal::planner {
namespace {

using plan::LayerPolicy;
using plan::PlacementKind;

bool usesWindows(const LayerPolicy& layer) {
  return std::any_of(
      layer.placements.begin(), layer.placements.end(),
      [](const plan::Placement& placement) { return placement.kind == PlacementKind::kWindow; });
}

bool usesWindows(const plan::Plan& plan) {
  return std::any_of(plan.stages.begin(), plan.stages.end(), [](const plan::StagePlan& stage) {
    return std::any_of(stage.layers.begin(), stage.layers.end(),
                       [](const LayerPolicy& layer) { return usesWindows(layer); });
  });
}

// Whether an earlier window than own.bwd.mlp, which comes behind on-demand work of the MLP segment,
// rebuilds something that is made from this operator: then it may not come later.
bool feedsWindow(const plan::LayerGraph& graph, const LayerPolicy& layer, int16_t op) {
  const auto& consumers = graph.operators[op].consumers;
  return std::any_of(consumers.begin(), consumers.end(), [&](int16_t consumer) {
    const plan::Placement placement = layer.placements[static_cast<size_t>(consumer)];
    return placement.kind == PlacementKind::kWindow &&
           placement.window != plan::WindowId::kOwnBwdMlp;
  });
}

class Settling {
 public:
  // REQUIRES that both outlive this.
  Settling(const profile::Profile& profile, const Candidate& candidate, LayerMoves moves)
      : m_profile(profile),
        m_pipeline(profile, candidate.plan),
        m_moves(moves),
        m_keepsPasses(candidate.status == PlanStatus::kOptimal ||
                      profile.parallel.reducesInBackward() || profile.pipelineLink.shared) {
    for (size_t s = 0; s < m_pipeline.size(); ++s) {
      Stage& stage = m_stages.emplace_back();
      stage.table = std::make_unique<VariantTable>(m_pipeline.stage(s));
      stage.layers = candidate.plan.stages[s].layers;
      m_times.push_back(timesOf(stage, stage.layers));
    }
    m_pipelineTimes = pipelineTimes(m_times, m_pipeline.shape());
  }

  void run() {
    for (size_t s = 0; s < m_stages.size(); ++s) {
      while (moveSome(s)) m_moved = true;
    }
  }

  void fill(Candidate& candidate) const {
    if (!m_moved) return;
    if (!m_keepsPasses) candidate.stepNs = m_pipelineTimes.stepNs;
    for (size_t s = 0; s < m_stages.size(); ++s) {
      candidate.plan.stages[s].layers = m_stages[s].layers;
      candidate.peakBytes[s] = peakOf(m_stages[s], m_stages[s].layers);
      candidate.loadNs[s] = loadNs(m_times[s]);
    }
  }

 private:
  struct Stage {
    std::unique_ptr<VariantTable> table;
    std::vector<LayerPolicy> layers;  // bottom first
  };

  static PassTimes timesOf(const Stage& stage, const std::vector<LayerPolicy>& layers) {
    return stage.table->passTimes(stage.table->chainOf(layers));
  }
  static int64_t peakOf(const Stage& stage, const std::vector<LayerPolicy>& layers) {
    return stage.table->peakBytes(stage.table->chainOf(layers));
  }

  uint32_t kindOf(size_t s, size_t layer) const {
    return m_profile.layers[static_cast<size_t>(m_pipeline.stage(s).shape().firstLayer()) + layer];
  }

  bool moveSome(size_t s) {
    bool moved = false;
    const std::vector<LayerPolicy>& layers = m_stages[s].layers;
    for (size_t l = layers.size(); l-- > 0;) {
      if (m_moves == LayerMoves::kTogether && l + 1 < layers.size() &&
          kindOf(s, l) == kindOf(s, l + 1))
        continue;  // moved with the one above
      const plan::LayerGraph& graph = m_pipeline.stage(s).shape().graphs.kinds[kindOf(s, l)];
      for (int16_t op = graph.last(); op >= 0; --op) {  // consumers first
        const auto at = static_cast<size_t>(op);
        if (layers[l].placements[at].kind != PlacementKind::kWindow) continue;
        if (feedsWindow(graph, layers[l], op)) continue;
        moved |= accept(s, movedAt(s, l, at));
      }
    }
    return moved;
  }

  std::vector<LayerPolicy> movedAt(size_t s, size_t layer, size_t op) const {
    std::vector<LayerPolicy> layers = m_stages[s].layers;
    for (size_t l = 0; l < layers.size(); ++l) {
      const bool together = m_moves == LayerMoves::kTogether && kindOf(s, l) == kindOf(s, layer);
      if (l == layer || together) layers[l].placements[op] = {PlacementKind::kOnDemand};
    }
    return layers;
  }

  // What a stage's recomputation takes beyond windows and waits, per step.
  int64_t exposedNs(size_t s, const PassTimes& times, const std::vector<int64_t>& waits) const {
    const StageModel& model = m_pipeline.stage(s);
    const PassTimes& plain = model.plainTimes();
    int64_t exposed = model.microBatches() * (times.backwardNs - plain.backwardNs) +
                      model.steadyCount() * (times.forwardFilledNs - plain.forwardFilledNs);
    for (size_t m = 0; m < waits.size(); ++m) {
      const bool steady = static_cast<int64_t>(m) < model.steadyCount();
      exposed += std::max<int64_t>(0, (steady ? times.pipeNs : times.pipeTailNs) - waits[m]);
    }
    return exposed;
  }

  // Takes the layers over if they cost nothing.
  bool accept(size_t s, std::vector<LayerPolicy> layers) {
    Stage& stage = m_stages[s];
    const PassTimes times = timesOf(stage, layers);
    if (times != m_times[s] && (m_keepsPasses || !improves(s, times))) return false;
    if (peakOf(stage, layers) > m_pipeline.budgetBytes()) return false;
    if (times != m_times[s]) {
      m_times[s] = times;
      m_pipelineTimes = pipelineTimes(m_times, m_pipeline.shape());
    }
    stage.layers = std::move(layers);
    return true;
  }

  // Whether other passes of a stage make the step no longer and expose no more.
  bool improves(size_t s, const PassTimes& times) const {
    const auto& waits = m_pipelineTimes.gradientWaitNs[s];
    const int64_t exposed = exposedNs(s, m_times[s], waits);
    // Shorter forwards may let the stage wait longer; nothing else does.
    if (times.forwardFilledNs >= m_times[s].forwardFilledNs && exposedNs(s, times, waits) > exposed)
      return false;
    std::vector<PassTimes> all = m_times;
    all[s] = times;
    const PipelineTimes pipeline = pipelineTimes(all, m_pipeline.shape());
    return pipeline.stepNs <= m_pipelineTimes.stepNs &&
           exposedNs(s, times, pipeline.gradientWaitNs[s]) <= exposed;
  }

  const profile::Profile& m_profile;
  PipelineModel m_pipeline;
  LayerMoves m_moves;
  bool m_keepsPasses;
  std::vector<Stage> m_stages;
  std::vector<PassTimes> m_times;
  PipelineTimes m_pipelineTimes;
  bool m_moved = false;
};

}  // namespace

Candidate settled(const profile::Profile& profile, const Candidate& candidate, LayerMoves moves) {
  Candidate result = candidate;
  if (!usesWindows(candidate.plan)) return result;
  Settling settling(profile, candidate, moves);
  settling.run();
  settling.fill(result);
  return result;
}

}  // namespace caracal::planner
