#include "core/planner/worst_paths.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace caracal::planner {
namespace {

void add(PassCounts& sum, const PassCounts& counts, double weight) {
  sum.forward += weight * counts.forward;
  sum.forwardFilled += weight * counts.forwardFilled;
  sum.backward += weight * counts.backward;
  sum.pipe += weight * counts.pipe;
  sum.pipeTail += weight * counts.pipeTail;
  sum.end += weight * counts.end;
}

// One stage's mix of its plans, learnt from what each of them would have cost on the paths so far:
// regret matching plus (Tammelin, arXiv 1407.5042).
class StagePlayer {
 public:
  explicit StagePlayer(const std::vector<PassTimes>& plans)
      : m_plans(plans), m_regretsNs(plans.size(), 0.0), m_shares(plans.size(), 0.0) {
    share();
  }

  PassTimes mixed() const {
    const auto mean = [&](int64_t PassTimes::*pass) {
      double ns = 0;
      for (size_t i = 0; i < m_plans.size(); ++i)
        ns += m_shares[i] * static_cast<double>(m_plans[i].*pass);
      return std::llround(ns);
    };
    return {mean(&PassTimes::forwardNs),  mean(&PassTimes::forwardFilledNs),
            mean(&PassTimes::backwardNs), mean(&PassTimes::pipeNs),
            mean(&PassTimes::pipeTailNs), mean(&PassTimes::endNs)};
  }

  void learn(const PassCounts& counts) {
    std::vector<double> costs;
    for (const PassTimes& plan : m_plans) costs.push_back(counts.ns(plan));
    const double mean = std::inner_product(costs.begin(), costs.end(), m_shares.begin(), 0.0);
    for (size_t i = 0; i < costs.size(); ++i)
      m_regretsNs[i] = std::max(0.0, m_regretsNs[i] + mean - costs[i]);
    share();
  }

 private:
  void share() {
    const double sum = std::accumulate(m_regretsNs.begin(), m_regretsNs.end(), 0.0);
    for (size_t i = 0; i < m_shares.size(); ++i)
      m_shares[i] = sum > 0 ? m_regretsNs[i] / sum : 1.0 / static_cast<double>(m_shares.size());
  }

  const std::vector<PassTimes>& m_plans;
  std::vector<double> m_regretsNs, m_shares;
};

}  // namespace

StepPath worstPaths(const std::vector<std::vector<PassTimes>>& plans, const PipelineShape& shape) {
  constexpr int64_t kPasses = 2'000'000;  // to go through, in all rounds together
  const auto passes = static_cast<int64_t>(plans.size()) * shape.microBatches * 2;
  const int64_t rounds = std::clamp<int64_t>(kPasses / passes, 100, 3000);
  std::vector<StagePlayer> players(plans.begin(), plans.end());
  StepPath mean;
  mean.stages.resize(plans.size());
  const double sum = static_cast<double>(rounds) * static_cast<double>(rounds + 1) / 2;
  for (int64_t round = 1; round <= rounds; ++round) {
    std::vector<PassTimes> mixed;
    for (const StagePlayer& player : players) mixed.push_back(player.mixed());
    const StepPath path = criticalPath(mixed, shape);
    const double weight = static_cast<double>(round) / sum;  // later rounds know better
    mean.transferNs += weight * path.transferNs;
    for (size_t s = 0; s < players.size(); ++s) {
      add(mean.stages[s], path.stages[s], weight);
      players[s].learn(path.stages[s]);
    }
  }
  return mean;
}

}  // namespace caracal::planner
