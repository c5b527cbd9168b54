// Partition and policy searches as a user waits for them: the joint plan of a large model, the
// Pareto front, and the fixed baselines beside them.
#include <benchmark/benchmark.h>

#include "core/planner/checkmate.h"
#include "core/planner/pareto.h"
#include "core/planner/partition_search.h"
#include "core/planner/policy.h"
#include "core/profile/model_description.h"

namespace caracal::bench {
namespace {

// The shipped 175B model, made as deep as the benchmark asks.
Result<profile::Profile> deepProfile(int32_t layers, int32_t stages) {
  CARACAL_TRY(description,
              profile::loadModel(CARACAL_SOURCE_DIR "/resources/models/gpt-175b.json"));
  description.shape.layers = layers;
  description.parallel.pipeline = stages;
  description.parallel.microBatches = 4 * stages;
  CARACAL_TRY(hardware, profile::loadHardware(description.gpu));
  return profile::profileFromModel(description, hardware);
}

// Halfway between what recomputing and what keeping everything takes.
Result<int64_t> middleBudget(const profile::Profile& profile) {
  CARACAL_TRY(least, planner::makePlan(profile, {"full", 1}));
  CARACAL_TRY(most, planner::makePlan(profile, {"none", 1}));
  return (least.smallestBudgetBytes + most.smallestBudgetBytes) / 2;
}

void plan(benchmark::State& state, const char* policy, planner::PartitionMode mode, int32_t layers,
          int32_t stages) {
  const auto profile = deepProfile(layers, stages);
  const auto budget = profile ? middleBudget(*profile) : tl::unexpected(profile.error());
  if (!budget) {
    state.SkipWithError(budget.error().text().c_str());
    return;
  }
  for (auto _ : state) {
    const auto outcome = planner::makePlan(*profile, {policy, *budget, mode});
    if (!outcome) state.SkipWithError(outcome.error().text().c_str());
    if (outcome) state.counters["stepMs"] = static_cast<double>(outcome->stepNs) / 1e6;
  }
}
using planner::PartitionMode;
#define CARACAL_PLAN_BENCH(label, ...) \
  BENCHMARK_CAPTURE(plan, label, __VA_ARGS__)->Unit(benchmark::kMillisecond)
CARACAL_PLAN_BENCH(heuPlusSearch128on16, "heu+", PartitionMode::kSearch, 128, 16);
CARACAL_PLAN_BENCH(heuPlusDp128on16, "heu+", PartitionMode::kDp, 128, 16);
CARACAL_PLAN_BENCH(heuPlusEven128on16, "heu+", PartitionMode::kEven, 128, 16);
CARACAL_PLAN_BENCH(heuSearch128on16, "heu", PartitionMode::kSearch, 128, 16);
CARACAL_PLAN_BENCH(checkmateSearch128on16, "checkmate", PartitionMode::kSearch, 128, 16);
CARACAL_PLAN_BENCH(checkmateEven128on16, "checkmate", PartitionMode::kEven, 128, 16);
CARACAL_PLAN_BENCH(knapsackEven128on16, "knapsack", PartitionMode::kEven, 128, 16);
CARACAL_PLAN_BENCH(fullEven128on16, "full", PartitionMode::kEven, 128, 16);

void pareto(benchmark::State& state, const char* policy) {
  const auto profile = deepProfile(96, 8);
  if (!profile) {
    state.SkipWithError(profile.error().text().c_str());
    return;
  }
  for (auto _ : state) {
    const auto front = planner::paretoFront(*profile, {policy});
    if (!front) state.SkipWithError(front.error().text().c_str());
    if (front) state.counters["points"] = static_cast<double>(front->points.size());
  }
}
BENCHMARK_CAPTURE(pareto, checkmate96on8, "checkmate")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(pareto, heuPlus96on8, "heu+")->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace caracal::bench
