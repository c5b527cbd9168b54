#include "core/planner/pipeline_model.h"

#include <algorithm>

namespace caracal::planner {

PipelineModel::PipelineModel(const profile::Profile& profile, const plan::Plan& skeleton)
    : m_graphs(profile),
      m_pipeline{profile.parallel.microBatches, profile.sendForwardNs, profile.sendBackwardNs} {
  const auto count = static_cast<int32_t>(skeleton.stages.size());
  std::vector<PassTimes> plain;
  for (int32_t s = 0; s < count; ++s) {
    m_models.emplace_back(
        plan::StageShape{profile, m_graphs, skeleton.stages[static_cast<size_t>(s)], s, count});
    plain.push_back(m_models.back().plainTimes());
  }
  const int64_t budget = skeleton.stages.front().budgetBytes;
  m_budgetBytes = budget > 0 ? budget : kNoLimit;
  const PipelineTimes times = pipelineTimes(plain, m_pipeline);
  for (size_t s = 0; s < m_models.size(); ++s) {
    const auto& waits = times.gradientWaitNs[s];
    const auto steady = static_cast<std::ptrdiff_t>(m_models[s].steadyCount());
    m_gaps.push_back({GradientGaps({waits.begin(), waits.begin() + steady}),
                      GradientGaps({waits.begin() + steady, waits.end()})});
    m_noGaps.push_back(noGapsOf(m_models[s]));
    m_nobodyWaits &=
        std::all_of(waits.begin(), waits.end(), [](int64_t wait) { return wait == 0; });
  }
}

int64_t PipelineModel::stepNs(const std::vector<PassTimes>& stages) const {
  return pipelineTimes(stages, m_pipeline).stepNs;
}

int64_t PipelineModel::stepBoundNs(const std::vector<int64_t>& objectives) const {
  std::vector<PassTimes> plain;
  std::vector<int64_t> workNs;
  for (size_t s = 0; s < m_models.size(); ++s) {
    plain.push_back(m_models[s].plainTimes());
    const int64_t passNs = plain.back().forwardNs + plain.back().backwardNs;
    workNs.push_back(m_models[s].microBatches() * passNs + objectives[s]);
  }
  return planner::stepBoundNs(plain, workNs, m_pipeline);
}

}  // namespace caracal::planner
