// PipelineModel: every stage's StageModel, what the stages wait for gradients, and the step that
// passes of given lengths make: what the searches for policies share.
#pragma once

#include <cstdint>
#include <vector>

#include "core/plan/plan.h"
#include "core/planner/heu_search.h"
#include "core/planner/pipeline_time.h"
#include "core/planner/stage_model.h"
#include "core/profile/profile.h"

namespace caracal::planner {

class PipelineModel {
 public:
  // Partition and budget are the skeleton's. REQUIRES that both arguments outlive this.
  PipelineModel(const profile::Profile& profile, const plan::Plan& skeleton);
  PipelineModel(const PipelineModel&) = delete;
  PipelineModel& operator=(const PipelineModel&) = delete;

  size_t size() const { return m_models.size(); }
  const StageModel& stage(size_t s) const { return m_models[s]; }
  int64_t budgetBytes() const { return m_budgetBytes; }  // kNoLimit: none
  // What a stage waits for gradients if nobody recomputes, and if nobody ever waited.
  const StageGaps& gaps(size_t s) const { return m_gaps[s]; }
  const StageGaps& noGaps(size_t s) const { return m_noGaps[s]; }
  bool nobodyWaits() const { return m_nobodyWaits; }

  const PipelineShape& shape() const { return m_pipeline; }
  int64_t stepNs(const std::vector<PassTimes>& stages) const;
  // Lower bound on the step of plans whose recomputation adds at least objectives[s] to stage s,
  // were there no waits to hide it in.
  int64_t stepBoundNs(const std::vector<int64_t>& objectives) const;

 private:
  plan::ProfileGraphs m_graphs;
  std::vector<StageModel> m_models;
  PipelineShape m_pipeline;
  int64_t m_budgetBytes = kNoLimit;
  std::vector<StageGaps> m_gaps, m_noGaps;
  bool m_nobodyWaits = true;
};

}  // namespace caracal::planner
