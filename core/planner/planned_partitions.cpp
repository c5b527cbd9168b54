#include "core/planner/planned_partitions.h"

#include <algorithm>
#include <utility>

#include "core/plan/chunk_shapes.h"
#include "core/planner/partition.h"
#include "core/planner/partition_search.h"
#include "core/planner/stage_choice.h"
#include "core/planner/stage_model.h"
#include "core/planner/stage_solver.h"

namespace caracal::planner {
namespace {

// What a partition is worth by its simulated step, and per chunk, what a move of layers goes by.
class SimulatedValue {
 public:
  SimulatedValue(const PlanningTask& task, MakeCandidate make)
      : m_task(task), m_make(make), m_graphs(task.profile) {}

  Result<PartitionValue> operator()(const std::vector<int32_t>& layersOfStage) const {
    CARACAL_TRY(candidate, m_make(m_task, skeletonOf(m_task, layersOfStage)));
    PartitionValue value{
        layersOfStage, candidate.excessBytes(m_task.budgetBytes), candidate.stepNs, {}, {}};
    for (const plan::StageShape& chunk :
         plan::chunkShapes(m_task.profile, m_graphs, candidate.plan, m_task.schedule)) {
      value.loadNs.push_back(loadNs(StageModel(chunk).plainTimes()) +
                             recomputeNs(chunk, chunk.plan.layers));
      const auto device = static_cast<size_t>(m_task.schedule.deviceOf(chunk.stage, 0));
      value.peakBytes.push_back(candidate.peakBytes[device]);
    }
    return value;
  }

 private:
  const PlanningTask& m_task;
  MakeCandidate m_make;
  plan::ProfileGraphs m_graphs;
};

Result<Partitions> simulatedSearch(const PlanningTask& task, MakeCandidate make,
                                   const std::vector<int32_t>& even, const Progress& progress) {
  const SimulatedValue evaluate(task, make);
  switch (task.request.partition) {
    case PartitionMode::kGreedy: {
      CARACAL_TRY(greedy, greedyPartition(evaluate, even, progress));
      return Partitions{greedy};
    }
    case PartitionMode::kSearch: {
      CARACAL_TRY(greedy, greedyPartition(evaluate, even, progress));
      CARACAL_TRY(best, climbedPartition(evaluate, greedy, progress));
      return Partitions{best};
    }
    default:
      return fail(ErrorCode::kUnsupported,
                  "partition dp counts on stages that work independently, as in 1F1B, and cannot "
                  "cut the model for {}; use search, greedy or even, or give the layers of its {} "
                  "stages",
                  plan::toText(task.schedule.name), task.schedule.chunks);
  }
}

Result<Partitions> stagewiseSearch(const PlanningTask& task, const std::vector<int32_t>& even,
                                   const Progress& progress) {
  StageSolver solver(task.profile, task.request.policy, task.budgetBytes, task.stop);
  Partitions partitions;
  const auto add = [&](const std::vector<int32_t>& layersOfStage) {
    if (std::find(partitions.begin(), partitions.end(), layersOfStage) == partitions.end())
      partitions.push_back(layersOfStage);
  };
  if (task.request.partition == PartitionMode::kGreedy) {
    partitions = {greedyPartition(solver, even, progress)};
  } else if (task.request.partition == PartitionMode::kDp) {
    partitions = {minimaxPartition(solver, progress)};
  } else {
    const std::vector<int32_t> dp = minimaxPartition(solver, progress);
    const std::vector<int32_t> greedy = greedyPartition(solver, even, progress);
    const Partitions starts{dp, greedy, even};
    for (const PartitionValue& value : searchPartitions(solver, starts, progress))
      add(value.layersOfStage);
    // A policy may make more of a start than of what was valued higher stage by stage.
    std::for_each(starts.begin(), starts.end(), add);
  }
  if (task.stop.stop_requested()) add(even);  // what was found may be unfinished
  return partitions;
}

}  // namespace

plan::Plan skeletonOf(const PlanningTask& task, const std::vector<int32_t>& layersOfStage) {
  plan::Plan plan =
      skeletonPlan(task.profile, layersOfStage, task.budgetBytes, task.request.policy);
  plan.schedule = plan::toText(task.schedule.name);
  return plan;
}

Result<Partitions> partitionsFor(const PlanningTask& task, MakeCandidate make,
                                 const Progress& progress) {
  const PlanRequest& request = task.request;
  const auto layers = static_cast<int32_t>(task.profile.layers.size());
  const int32_t stages = task.schedule.chunks;
  if (request.partition == PartitionMode::kGiven) {
    CARACAL_CHECK_OK(checkPartition(request.layersOfStage, layers, stages));
    return Partitions{request.layersOfStage};
  }
  CARACAL_TRY(even, evenPartition(layers, stages));
  if (request.partition == PartitionMode::kEven) return Partitions{even};
  if (task.is1F1B()) return stagewiseSearch(task, even, progress);
  Result<Partitions> found = simulatedSearch(task, make, even, progress);
  if (!found && found.error().code == ErrorCode::kCancelled) return Partitions{even};
  return found;
}

}  // namespace caracal::planner
