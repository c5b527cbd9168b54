// The simulator: operators replayed one by one, long pipelines by their passes, and a job of ten
// thousand GPUs on paper.
#include <benchmark/benchmark.h>

#include "core/plan/plain_policies.h"
#include "core/plan/program.h"
#include "core/profile/model_description.h"
#include "core/sim/replay.h"
#include "core/sim/simulator.h"

namespace caracal::bench {
namespace {

struct Job {
  profile::Profile profile;
  plan::Plan plan;
};

// GPT 22B layers, `layersPerStage` on each of `stages` stages, everything kept.
Result<Job> jobOf(int32_t stages, int32_t microBatches, int32_t layersPerChunk,
                  const std::string& schedule = "1F1B", int32_t tensor = 8, int32_t data = 1) {
  CARACAL_TRY(description, profile::loadModel(CARACAL_SOURCE_DIR "/resources/models/gpt-22b.json"));
  CARACAL_TRY(name, plan::scheduleFromName(schedule));
  const int32_t chunks = plan::chunkCount(name, stages);
  description.shape.layers = chunks * layersPerChunk;
  description.parallel.pipeline = stages;
  description.parallel.tensor = tensor;
  description.parallel.data = data;
  description.parallel.microBatches = microBatches;
  CARACAL_TRY(hardware, profile::loadHardware(description.gpu));
  CARACAL_TRY(profile, profile::profileFromModel(description, hardware));
  Job job{profile, {}};
  job.plan.schedule = schedule;
  job.plan.model = profile.model;
  job.plan.parallel = profile.parallel;
  const plan::LayerPolicy keepAll{plan::keepAllPlacements(profile.kindOf(0))};
  for (int32_t chunk = 0; chunk < chunks; ++chunk) {
    plan::StagePlan& stage = job.plan.stages.emplace_back();
    stage.firstLayer = chunk * layersPerChunk;
    stage.layers.assign(static_cast<size_t>(layersPerChunk), keepAll);
  }
  return job;
}

using Change = void (*)(Job& job);

void asItIs(Job&) {}

void reduceBesideBackward(Job& job) {
  job.profile.parallel.overlapGradientReduce = job.plan.parallel.overlapGradientReduce = true;
}

// The two largest tensors of every layer.
void offloadTheMlp(Job& job) {
  const profile::LayerKind& kind = job.profile.kinds.front();
  for (plan::StagePlan& stage : job.plan.stages) {
    for (plan::LayerPolicy& layer : stage.layers) {
      for (const char* id : {"fc1", "act"})
        layer.placements[static_cast<size_t>(kind.indexOf(id))] = {plan::PlacementKind::kOffload};
    }
  }
}

void shareLinks(Job& job) {
  job.profile.pipelineLink.shared = job.profile.dataLink.shared = true;
}

// Items of programs that are there already, times in memory at the end.
void replayItems(benchmark::State& state, Change change) {
  auto job = jobOf(8, static_cast<int32_t>(state.range(0)), 6, "1F1B", 8, 2);
  if (job) change(*job);
  const auto program = job ? plan::lower(job->profile, job->plan) : tl::unexpected(job.error());
  if (!program) return state.SkipWithError(program.error().text().c_str());
  int64_t items = 0;
  for (const plan::StageProgram& stage : program->stages)
    items += static_cast<int64_t>(stage.items.size());
  for (auto _ : state) benchmark::DoNotOptimize(sim::replay(job->profile, job->plan, *program));
  state.SetItemsProcessed(state.iterations() * items);
}
BENCHMARK_CAPTURE(replayItems, plain, &asItIs)
    ->RangeMultiplier(4)
    ->Range(16, 256)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(replayItems, reduceBesideBackward, &reduceBesideBackward)
    ->Arg(256)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(replayItems, offload, &offloadTheMlp)->Arg(256)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(replayItems, sharedLinks, &shareLinks)->Arg(256)->Unit(benchmark::kMillisecond);

void simulateBy(benchmark::State& state, Result<Job> job, Change change = &asItIs) {
  if (job) change(*job);
  if (!job) return state.SkipWithError(job.error().text().c_str());
  for (auto _ : state) {
    const auto result = sim::simulate(job->profile, job->plan);
    if (!result) return state.SkipWithError(result.error().text().c_str());
    benchmark::DoNotOptimize(result->stepNs);
  }
}

void changedPipeline(benchmark::State& state, Change change) {
  simulateBy(state, jobOf(64, 512, 1), change);
}

void longPipeline(benchmark::State& state, const char* schedule) {
  simulateBy(state, jobOf(64, static_cast<int32_t>(state.range(0)), 1, schedule));
}
BENCHMARK_CAPTURE(longPipeline, 64stages1F1B, "1F1B")
    ->Arg(128)
    ->Arg(256)
    ->Arg(512)
    ->Arg(1024)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(longPipeline, 64stagesZbH2, "zb-h2")->Arg(512)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(longPipeline, 64stagesZbV, "zb-v")->Arg(512)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(longPipeline, 64stagesInterleaved, "interleaved:4")
    ->Arg(512)
    ->Unit(benchmark::kMillisecond);

// What the passes cost changes with each; a shared link also makes their transfers wait.
BENCHMARK_CAPTURE(changedPipeline, offload, &offloadTheMlp)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(changedPipeline, sharedLinks, &shareLinks)->Unit(benchmark::kMillisecond);

// 16 stages x 8 tensor ranks x 80 replicas; ranks of one group do the same and are folded.
void tenThousandGpus(benchmark::State& state) {
  simulateBy(state, jobOf(16, 256, 6, "1F1B", 8, 80));
}
BENCHMARK(tenThousandGpus)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace caracal::bench
