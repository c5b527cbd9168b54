#include "core/planner/schedule_model.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/plan/chunk_shapes.h"
#include "core/plan/plain_policies.h"
#include "core/planner/baselines.h"
#include "core/sim/folded_replay.h"

namespace caracal::planner {
namespace {

using ChunkAndMicroBatch = std::pair<int32_t, int32_t>;

// The backward passes whose `fwd.*` recomputations a forward of this device hides.
std::set<ChunkAndMicroBatch> hostedBackwards(const plan::PassOrder& order) {
  std::set<ChunkAndMicroBatch> hosted;
  const std::vector<int32_t> guests = plan::hostedMicroBatches(order);
  for (size_t i = 0; i < order.size(); ++i) {
    if (guests[i] >= 0) hosted.emplace(order[i].chunk, guests[i]);
  }
  return hosted;
}

// Waits of one chunk's backwards: of micro-batches that a forward hosts, and of the others.
struct ChunkWaits {
  std::vector<int64_t> steady, tail;
};

// REQUIRES a replay without recomputation: then a backward begins when its gradient and the device
// are there.
void collectWaits(const sim::StageFigures& figures, const plan::PassOrder& order,
                  std::vector<ChunkWaits>& waits) {
  const std::set<ChunkAndMicroBatch> hosted = hostedBackwards(order);
  int64_t freeNs = 0;
  for (const sim::PassTime& pass : figures.passes) {
    if (pass.pass == trace::Pass::kBackward) {
      ChunkWaits& chunk = waits[static_cast<size_t>(pass.chunk)];
      (hosted.contains({pass.chunk, pass.microBatch}) ? chunk.steady : chunk.tail)
          .push_back(pass.span.beginNs - freeNs);
    }
    freeNs = pass.span.endNs;
  }
}

}  // namespace

Result<std::unique_ptr<const ScheduleModel>> ScheduleModel::of(const profile::Profile& profile,
                                                               const plan::Plan& skeleton,
                                                               std::stop_token stop) {
  CARACAL_TRY(schedule, plan::makeSchedule(skeleton.schedule, profile.parallel.pipeline,
                                           profile.parallel.microBatches));
  std::unique_ptr<ScheduleModel> model(new ScheduleModel(profile, skeleton, schedule));
  CARACAL_CHECK_OK(model->measureWaits(profile, skeleton, schedule, std::move(stop)));
  return model;
}

ScheduleModel::ScheduleModel(const profile::Profile& profile, const plan::Plan& skeleton,
                             const plan::Schedule& schedule)
    : m_graphs(profile) {
  for (const plan::StageShape& shape : plan::chunkShapes(profile, m_graphs, skeleton, schedule))
    m_models.emplace_back(shape);
  for (const StageModel& model : m_models) m_noGaps.push_back(noGapsOf(model));
  groupChunks(schedule);
}

Result<void> ScheduleModel::measureWaits(const profile::Profile& profile,
                                         const plan::Plan& skeleton, const plan::Schedule& schedule,
                                         std::stop_token stop) {
  plan::Plan keepAll = skeleton;
  KindPolicies policies;
  for (const profile::LayerKind& kind : profile.kinds)
    policies.push_back(plan::keepAllPlacements(kind));
  applyPolicies(profile, policies, keepAll);
  CARACAL_TRY(replay, sim::foldedReplay(profile, keepAll, std::move(stop)));
  m_plainStepNs = replay.stepNs;
  std::vector<ChunkWaits> waits(m_models.size());
  for (size_t d = 0; d < replay.stages.size(); ++d)
    collectWaits(replay.stages[d].figures, schedule.orders[d], waits);
  for (ChunkWaits& chunk : waits)
    m_gaps.push_back({GradientGaps(std::move(chunk.steady)), GradientGaps(std::move(chunk.tail))});
  return {};
}

void ScheduleModel::groupChunks(const plan::Schedule& schedule) {
  for (size_t d = 0; d < schedule.chunksOf.size(); ++d) {
    const std::vector<size_t> held(schedule.chunksOf[d].begin(), schedule.chunksOf[d].end());
    const auto known = std::find_if(m_groups.begin(), m_groups.end(),
                                    [&](const MemoryGroup& group) { return group.chunks == held; });
    if (known != m_groups.end())
      known->devices.push_back(d);
    else
      m_groups.push_back({held, {d}});
  }
}

}  // namespace caracal::planner
