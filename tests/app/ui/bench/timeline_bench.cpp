// Milliseconds of a timeline frame at 1920 x 1080 while a run is zoomed and dragged (p50, p99) and
// at several zooms, on the largest shared traces and on a generated run of 64 ranks and 100 million
// events (CARACAL_BENCH_EVENTS changes that); the time to build the scene; and from an edit of a
// plan to its predicted timeline. The limit is 16 ms for 99 of 100 frames, 100 ms an edit.
//
// Traces are looked for in $CARACAL_TRACES, else in ../shared/traces beside the source.
#include <benchmark/benchmark.h>

#include <QApplication>
#include <QFont>
#include <QImage>
#include <filesystem>
#include <map>

#include "app/ui/plan/evaluation.h"
#include "app/ui/plan/plan_session.h"
#include "app/ui/timeline/raster.h"
#include "app/ui/workspace/loaded_run.h"
#include "core/profile/model_description.h"
#include "tests/app/ui/bench/pan_zoom_bench.h"
#include "tests/app/ui/drawn_trace.h"
#include "tests/bench/generated_run.h"

namespace {

using namespace caracal;
namespace fs = std::filesystem;

constexpr int kWidth = 1920;
constexpr int kHeight = 1080;

// Names of traces that are made here: a million events in deep stacks, and the large run.
constexpr const char* kNested = "nested-1M";
constexpr const char* kGenerated = "generated-run";

fs::path tracesFolder() {
  if (const char* folder = std::getenv("CARACAL_TRACES")) return folder;
  return fs::path(CARACAL_SOURCE_DIR) / ".." / "shared" / "traces";
}

std::shared_ptr<const trace::Trace> load(const std::string& name) {
  if (name == kNested) return test::randomTrace(1, 16, 1'000'000);
  if (name == kGenerated) return bench::generatedRun().trace;
  const auto run = ui::loadRun({(tracesFolder() / name).string()}, {}, {});
  return run ? run->trace : nullptr;
}

// Loaded once, kept for every benchmark on it.
std::shared_ptr<const ui::Scene> sceneOf(const std::string& name) {
  static std::map<std::string, std::shared_ptr<const ui::Scene>> scenes;
  auto& scene = scenes[name];
  if (!scene) {
    if (const auto trace = load(name)) scene = test::sceneOf(trace);
  }
  return scene;
}

// `share` of the whole range, in its middle; every row unfolded, so that nothing is left out.
void drawFrame(benchmark::State& state, const std::string& name, double share) {
  const auto scene = sceneOf(name);
  if (!scene) return state.SkipWithError("the trace could not be loaded");
  const ui::RowLayout layout = ui::layoutRows(*scene, ui::FoldState(scene->rows.size(), false));
  const auto length = static_cast<int64_t>(static_cast<double>(scene->range.lengthNs()) * share);
  const int64_t middle = scene->range.beginNs + scene->range.lengthNs() / 2;
  const ui::TimeView view = ui::show({middle - length / 2, middle + length / 2}, kWidth);
  QImage image(kWidth, kHeight, QImage::Format_RGB32);
  ui::TimelineRaster raster(ui::theme(ui::ThemeKind::kDark), QFont(), 1.0);
  for (auto _ : state) {
    raster.draw({*scene, layout, view, 0, 1.0}, image);
    benchmark::DoNotOptimize(image.constBits());
  }
  state.counters["blocks"] = static_cast<double>(scene->blockCount());
}

void buildScene(benchmark::State& state, const std::string& name) {
  const auto trace = load(name);
  if (!trace) return state.SkipWithError("the trace could not be loaded");
  for (auto _ : state) benchmark::DoNotOptimize(test::sceneOf(trace));
}

Result<profile::Profile> profileOf(const std::string& model) {
  CARACAL_TRY(description, profile::loadModel(model));
  CARACAL_TRY(hardware, profile::loadHardware(description.gpu));
  return profile::profileFromModel(description, hardware);
}

// From an edit of the plan to the predicted timeline: validation, simulation with its trace, scene.
// The limit is 100 ms.
void editToPrediction(benchmark::State& state, const std::string& model) {
  const auto profile = profileOf(model);
  if (!profile) return state.SkipWithError(profile.error().text().c_str());
  const auto plan = ui::startingPlan(*profile);
  if (!plan) return state.SkipWithError(plan.error().text().c_str());
  for (auto _ : state) {
    const auto evaluation = ui::evaluatePlan(*profile, *plan, nullptr, {});
    benchmark::DoNotOptimize(test::sceneOf(evaluation->result->trace));
  }
}

void registerPanAndZoom(const std::string& name) {
  for (const auto& [words, folds] : {std::pair{"opened", bench::Folds::kAsOpened},
                                     std::pair{"unfolded", bench::Folds::kAllOpen}}) {
    benchmark::RegisterBenchmark(("panzoom/" + name + "/" + words).c_str(),
                                 [name, folds](benchmark::State& state) {
                                   const auto scene = sceneOf(name);
                                   if (!scene)
                                     return state.SkipWithError("the trace could not be loaded");
                                   bench::panAndZoom(state, scene, folds);
                                 })
        ->Unit(benchmark::kSecond)
        ->Iterations(1);
  }
}

void registerAll() {
  for (const std::string model : {"gpt-1.3b", "gpt-13b", "gpt-175b"}) {
    benchmark::RegisterBenchmark(("edit/" + model).c_str(), editToPrediction, model)
        ->Unit(benchmark::kMillisecond);
  }
  std::vector<std::string> names{"mtia-456k-metadata", "xdit-sd35-mi300-239k",
                                 "nanogpt-sharded-8xh100", "ddp-2xv100-216k"};
  if (!fs::exists(tracesFolder() / names.front())) names.clear();
  names.push_back(kNested);
  for (const std::string& name : names) {
    for (const double share : {1.0, 0.1, 0.01, 0.001}) {
      const std::string title = "frame/" + name + "/" + std::to_string(share).substr(0, 5);
      benchmark::RegisterBenchmark(title.c_str(), drawFrame, name, share)
          ->Unit(benchmark::kMillisecond);
    }
    benchmark::RegisterBenchmark(("scene/" + name).c_str(), buildScene, name)
        ->Unit(benchmark::kMillisecond)
        ->Iterations(3);
    registerPanAndZoom(name);
  }
  benchmark::RegisterBenchmark(("scene/" + std::string(kGenerated)).c_str(), buildScene,
                               std::string(kGenerated))
      ->Unit(benchmark::kMillisecond)
      ->Iterations(1);
  registerPanAndZoom(kGenerated);
}

}  // namespace

int main(int argc, char** argv) {
  qputenv("QT_QPA_PLATFORM", "offscreen");
  QApplication app(argc, argv);  // for fonts
  registerAll();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
