// StageSolver: what a policy makes of any one stage, remembered, so that searches over partitions
// and budgets ask again for nothing. Stages with the same number of micro-batches in flight, the
// same kinds of layers and the same ends are one question.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <tuple>
#include <vector>

#include "core/base/result.h"
#include "core/plan/stage_shape.h"
#include "core/planner/stage_choice.h"
#include "core/profile/profile.h"

namespace caracal::planner {

class StageSolver {
 public:
  // For heu, heu+ and opt each stage's own HEU optimum stands, which counts on no wait for a
  // gradient. A baseline's N may exceed a stage: as in Megatron-LM it then covers the whole stage.
  // REQUIRES a known policy, schedule 1F1B, and a profile that outlives this.
  StageSolver(const profile::Profile& profile, const std::string& policy, int64_t budgetBytes,
              std::stop_token stop = {});

  // REQUIRES layers of the model. The reference stays valid as long as this.
  const StageChoice& solve(int32_t stage, int32_t firstLayer, int32_t layers);

  // Forward and backward of such a stage when nothing is recomputed: no policy takes less.
  int64_t leastLoadNs(int32_t stage, int32_t firstLayer, int32_t layers);

  const profile::Profile& profile() const { return m_profile; }
  int32_t stages() const { return m_profile.parallel.pipeline; }
  int32_t layers() const { return static_cast<int32_t>(m_profile.layers.size()); }
  int64_t budgetBytes() const { return m_budgetBytes; }
  const std::stop_token& stop() const { return m_stop; }
  size_t solved() const { return m_choices.size(); }

 private:
  using Key = std::tuple<int32_t, bool, bool, std::vector<uint32_t>>;
  using Solve = std::function<StageChoice(const StageModel&)>;
  Key keyOf(int32_t stage, int32_t firstLayer, int32_t layers) const;

  const profile::Profile& m_profile;
  plan::ProfileGraphs m_graphs;
  int64_t m_budgetBytes;
  std::stop_token m_stop;
  Solve m_solve;
  std::map<Key, StageChoice> m_choices;
};

}  // namespace caracal::planner
