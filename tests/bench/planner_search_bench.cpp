// What the searches for policies take: one stage of HEU, a pipeline of HEU+, OPT with its proof.
#include <benchmark/benchmark.h>

#include "core/plan/plain_policies.h"
#include "core/planner/baselines.h"
#include "core/planner/candidate.h"
#include "core/planner/heu_search.h"
#include "core/planner/mixed_plan.h"
#include "core/planner/policy.h"
#include "core/profile/model_description.h"

namespace caracal::bench {
namespace {

// With sequence parallelism a layer has ten windows instead of four.
enum class Sequence : uint8_t { kWhole, kParallel };

Result<profile::Profile> profileOf(const char* model, int32_t layers, int32_t stages,
                                   int32_t microBatches, Sequence sequence = Sequence::kWhole) {
  CARACAL_TRY(description, profile::loadModel(CARACAL_SOURCE_DIR "/resources/models/" +
                                              std::string(model) + ".json"));
  description.parallel.sequenceParallel = sequence == Sequence::kParallel;
  CARACAL_TRY(hardware, profile::loadHardware(description.gpu));
  CARACAL_TRY(profile, profile::profileFromModel(description, hardware));
  profile.layers.assign(static_cast<size_t>(layers), 0);
  profile.model.layers = layers;
  profile.parallel.pipeline = stages;
  profile.parallel.microBatches = microBatches;
  return profile;
}

// A pipeline and, per stage, a budget between recomputing everything (0 %) and nothing (100 %).
struct Case {
  Case(profile::Profile of, int32_t stages)
      : profile(std::move(of)),
        skeleton(planner::skeletonPlan(
            profile,
            planner::evenPartition(static_cast<int32_t>(profile.layers.size()), stages).value(), 0,
            "heu")),
        pipeline(profile, skeleton) {}

  int64_t budgetOf(size_t stage, int64_t percent) const {
    const planner::StageModel& model = pipeline.stage(stage);
    planner::KindPolicies all, none;
    for (const profile::LayerKind& kind : profile.kinds) {
      all.push_back(plan::keepAllPlacements(kind));
      none.push_back(plan::fullPlacements(kind));
    }
    const int64_t most = model.peakBytes(all, model.resolve(all));
    const int64_t least = model.peakBytes(none, model.resolve(none));
    return least + (most - least) / 100 * percent;
  }

  profile::Profile profile;
  plan::Plan skeleton;
  planner::PipelineModel pipeline;
};

void heuStage(benchmark::State& state, const char* model) {
  const auto profile = profileOf(model, 32, 4, 16);
  if (!profile) return state.SkipWithError(profile.error().text().c_str());
  const Case at(*profile, 4);
  const auto stage = static_cast<size_t>(state.range(0));
  planner::HeuRequest request;
  request.budgetBytes = at.budgetOf(stage, state.range(1));
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        planner::searchHeu(at.pipeline.stage(stage), at.pipeline.gaps(stage), request));
  }
}
BENCHMARK_CAPTURE(heuStage, gpt7b, "gpt-7b")
    ->ArgNames({"stage", "budgetPercent"})
    ->ArgsProduct({{0, 2, 3}, {5, 15, 25, 40, 60, 80}})
    ->Unit(benchmark::kMicrosecond);

// 96 layers on 16 stages: HEU+ from HEU's plan, and HEU itself.
void plan96Layers(benchmark::State& state, const char* policy) {
  const auto profile = profileOf("gpt-175b", 96, 16, 64);
  if (!profile) return state.SkipWithError(profile.error().text().c_str());
  const Case at(*profile, 16);
  const planner::PlanRequest request{policy, at.budgetOf(0, state.range(0))};
  for (auto _ : state) benchmark::DoNotOptimize(planner::makePlan(*profile, request));
}
BENCHMARK_CAPTURE(plan96Layers, heu, "heu")
    ->ArgName("budgetPercent")
    ->Arg(15)
    ->Arg(40)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(plan96Layers, heuPlus, "heu+")
    ->ArgName("budgetPercent")
    ->Arg(15)
    ->Arg(40)
    ->Unit(benchmark::kMillisecond);

// The 22B model with gathers and scatters around both halves of a layer, on 4 stages.
void planSequenceParallel(benchmark::State& state, const char* policy) {
  const auto profile = profileOf("gpt-22b", 48, 4, 16, Sequence::kParallel);
  if (!profile) return state.SkipWithError(profile.error().text().c_str());
  const Case at(*profile, 4);
  const planner::PlanRequest request{policy, at.budgetOf(0, state.range(0))};
  for (auto _ : state) benchmark::DoNotOptimize(planner::makePlan(*profile, request));
}
BENCHMARK_CAPTURE(planSequenceParallel, heu, "heu")
    ->ArgName("budgetPercent")
    ->Arg(10)
    ->Arg(20)
    ->Arg(40)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(planSequenceParallel, heuPlus, "heu+")
    ->ArgName("budgetPercent")
    ->Arg(10)
    ->Arg(20)
    ->Arg(40)
    ->Unit(benchmark::kMillisecond);

// 24 layers of the 22B model on one stage; the counters are what the proof leaves open.
void opt24Layers(benchmark::State& state) {
  const auto profile = profileOf("gpt-22b", 24, 1, 1);
  if (!profile) return state.SkipWithError(profile.error().text().c_str());
  const Case at(*profile, 1);
  const planner::PlanRequest request{"opt", at.budgetOf(0, state.range(0))};
  const planner::PassTimes& plain = at.pipeline.stage(0).plainTimes();
  for (auto _ : state) {
    const auto outcome = planner::makePlan(*profile, request);
    if (!outcome) return state.SkipWithError(outcome.error().text().c_str());
    const auto gapNs = static_cast<double>(outcome->stepNs - outcome->boundNs);
    state.counters["gapPercentOfStage"] =
        100 * gapNs / static_cast<double>(plain.forwardNs + plain.backwardNs);
  }
}
BENCHMARK(opt24Layers)
    ->ArgName("budgetPercent")
    ->Arg(5)
    ->Arg(10)
    ->Arg(15)
    ->Arg(20)
    ->Arg(25)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace caracal::bench
