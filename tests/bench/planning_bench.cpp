// What a user waits for after an edit: one simulation, one HEU plan.
#include <benchmark/benchmark.h>

#include "core/planner/policy.h"
#include "core/profile/model_description.h"
#include "core/sim/simulator.h"

namespace caracal::bench {
namespace {

Result<profile::Profile> shippedProfile(const char* model) {
  CARACAL_TRY(description, profile::loadModel(CARACAL_SOURCE_DIR "/resources/models/" +
                                              std::string(model) + ".json"));
  CARACAL_TRY(hardware, profile::loadHardware(description.gpu));
  return profile::profileFromModel(description, hardware);
}

void simulateStep(benchmark::State& state, const char* model, sim::TraceDetail detail) {
  const auto profile = shippedProfile(model);
  const auto outcome =
      profile ? planner::makePlan(*profile,
                                  {"full", int64_t{1} << 50, planner::PartitionMode::kEven, {}})
              : tl::unexpected(profile.error());
  if (!outcome) {
    state.SkipWithError(outcome.error().text().c_str());
    return;
  }
  for (auto _ : state) benchmark::DoNotOptimize(sim::simulate(*profile, outcome->plan, {detail}));
}
BENCHMARK_CAPTURE(simulateStep, gpt13bFigures, "gpt-13b", sim::TraceDetail::kNone)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(simulateStep, gpt13bTrace, "gpt-13b", sim::TraceDetail::kOperators)
    ->Unit(benchmark::kMillisecond);

void planHeu(benchmark::State& state, const char* model) {
  const auto profile = shippedProfile(model);
  if (!profile) {
    state.SkipWithError(profile.error().text().c_str());
    return;
  }
  for (auto _ : state) benchmark::DoNotOptimize(planner::makePlan(*profile, {}));
}
BENCHMARK_CAPTURE(planHeu, gpt1b, "gpt-1.3b")->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace caracal::bench
