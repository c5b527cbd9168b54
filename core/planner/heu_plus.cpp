#include "core/planner/heu_plus.h"

#include <algorithm>
#include <utility>

#include "core/planner/baselines.h"
#include "core/planner/pipeline_model.h"
#include "core/planner/variant_table.h"

namespace caracal::planner {
namespace {

struct StageChoice {
  Chain layers;
  PassTimes times;
  int64_t peakBytes = 0;
  int64_t objectiveNs = 0;
};

// One stage: replaces the policies of single layers by others that are known, best first.
class StageRefinement {
 public:
  StageRefinement(const PipelineModel& pipeline, size_t stage)
      : m_model(pipeline.stage(stage)),
        m_gaps(pipeline.gaps(stage)),
        m_budgetBytes(pipeline.budgetBytes()),
        m_table(m_model) {}

  void offer(int32_t kind, const std::vector<plan::Placement>& placements) {
    if (m_model.layersOfKind(kind) > 0) m_table.add(kind, placements);
  }

  StageChoice refine(const plan::StagePlan& start) {
    Chain layers;
    for (size_t l = 0; l < start.layers.size(); ++l) {
      const int32_t layer = start.firstLayer + static_cast<int32_t>(l);
      const auto kind =
          static_cast<int32_t>(m_model.shape().profile.layers[static_cast<size_t>(layer)]);
      layers.push_back(m_table.add(kind, start.layers[l].placements));
    }
    StageChoice best = judge(std::move(layers));
    while (improve(best)) {
    }
    return best;
  }

  const std::vector<plan::Placement>& placements(VariantId variant) const {
    return m_table.placements(variant);
  }

 private:
  StageChoice judge(Chain layers) {
    StageChoice choice;
    choice.times = m_table.passTimes(layers);
    choice.objectiveNs = objectiveNs(m_model, m_gaps, choice.times);
    choice.peakBytes = m_table.peakBytes(layers);
    choice.layers = std::move(layers);
    return choice;
  }

  bool improve(StageChoice& best) {
    StageChoice next = best;
    for (size_t l = 0; l < best.layers.size(); ++l) {
      for (VariantId variant = 0; variant < m_table.size(); ++variant) {
        if (variant == best.layers[l] || m_table.kindOf(variant) != m_table.kindOf(best.layers[l]))
          continue;
        Chain layers = best.layers;
        layers[l] = variant;
        if (objectiveNs(m_model, m_gaps, m_table.passTimes(layers)) >= next.objectiveNs) continue;
        StageChoice tried = judge(std::move(layers));
        if (tried.peakBytes <= m_budgetBytes) next = std::move(tried);
      }
    }
    const bool better = next.objectiveNs < best.objectiveNs;
    best = std::move(next);
    return better;
  }

  const StageModel& m_model;
  const StageGaps& m_gaps;
  int64_t m_budgetBytes;
  VariantTable m_table;
};

}  // namespace

Result<Candidate> heuPlusCandidate(const profile::Profile& profile, const plan::Plan& skeleton,
                                   HeuEffort effort, std::stop_token stop) {
  CARACAL_TRY(heu, heuCandidate(profile, skeleton, effort, stop));
  heu.boundNs = 0;  // it holds for layers that do not differ
  if (!heu.feasible()) return heu;
  if (heu.status == PlanStatus::kOptimal) heu.status = PlanStatus::kFeasible;
  const PipelineModel pipeline(profile, skeleton);
  Candidate plus = heu;
  std::vector<PassTimes> times;
  for (size_t s = 0; s < pipeline.size(); ++s) {
    if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "planning cancelled");
    StageRefinement stage(pipeline, s);
    for (int32_t kind = 0; kind < static_cast<int32_t>(profile.kinds.size()); ++kind) {
      const profile::LayerKind& layers = profile.kinds[static_cast<size_t>(kind)];
      for (auto* placementsOf : {&keepAllPlacements, &selectivePlacements, &fullPlacements})
        stage.offer(kind, placementsOf(layers));
    }
    const StageChoice choice = stage.refine(heu.plan.stages[s]);
    plan::StagePlan& plan = plus.plan.stages[s];
    for (size_t l = 0; l < choice.layers.size(); ++l)
      plan.layers[l].placements = stage.placements(choice.layers[l]);
    plus.peakBytes[s] = choice.peakBytes;
    plus.loadNs[s] =
        std::max(choice.times.forwardNs, choice.times.forwardFilledNs) + choice.times.backwardNs;
    times.push_back(choice.times);
  }
  plus.stepNs = pipeline.stepNs(times);
  return plus.stepNs < heu.stepNs ? plus : heu;
}

}  // namespace caracal::planner
