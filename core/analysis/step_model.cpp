#include "core/analysis/step_model.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <map>
#include <optional>
#include <tuple>

#include "core/analysis/dependency_waits.h"
#include "core/analysis/idle_causes.h"
#include "core/analysis/pipeline_layout.h"
#include "core/analysis/stage_activity.h"
#include "core/analysis/step_summaries.h"
#include "core/base/statistics.h"

namespace caracal::analysis {
namespace {

using trace::Pass;

struct CauseText {
  std::string_view name;
  std::string_view label;
};
constexpr std::array<CauseText, kIdleCauseCount> kCauseTexts{{
    {"warmup", "warm-up: before the first forward"},
    {"waitUpstream", "waiting for the stage before"},
    {"waitDownstream", "waiting for the stage after"},
    {"cooldown", "cool-down: the pipeline drains"},
    {"tensorTransfer", "tensor-, context- or expert-parallel transfer"},
    {"collectiveSkew", "waiting for the last rank of a collective"},
    {"dataParallel", "data-parallel reduction and optimizer"},
    {"launch", "not launched in time"},
    {"memory", "memory copies and allocation"},
    {"communication", "communication, purpose unknown"},
    {"unexplained", "unexplained"},
}};

// Everything about the trace that the steps are cut from.
struct Run {
  PipelineLayout layout;
  std::vector<StageActivity> activities;
  WaitAnalysis waits;
  SpanSet synchronisation;
};

using PassesOfStep = std::map<int32_t, std::vector<PassSpan>>;

PassesOfStep groupBySteps(const StageActivity& activity) {
  PassesOfStep passes;
  for (const StepPass& p : activity.passes) passes[p.step].push_back(p.pass);
  return passes;
}

// First F or B begin to last F or B end; nothing when there are none.
std::optional<Span> windowOf(const std::vector<const std::vector<PassSpan>*>& passesOfStages) {
  Span window{std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()};
  for (const auto* passes : passesOfStages) {
    for (const PassSpan& pass : *passes) {
      if (pass.pass != Pass::kForward && pass.pass != Pass::kBackward) continue;
      window.beginNs = std::min(window.beginNs, pass.span.beginNs);
      window.endNs = std::max(window.endNs, pass.span.endNs);
    }
  }
  if (window.beginNs > window.endNs) return std::nullopt;
  return window;
}

void splitRecompute(StageStep& stage, const StageActivity& activity, const DependencyWaits& waits) {
  const SpanSet recompute = clip(activity.recompute, stage.stepSpan);
  if (recompute.empty()) return;
  const Span extent{recompute.spans().front().beginNs, recompute.spans().back().endNs};
  stage.recomputeWaits = unite(clip(activity.collectiveWindows, extent),
                               unite(clip(waits.upstream, extent), clip(waits.downstream, extent)));
  stage.recomputeHiddenNs = intersect(recompute, stage.recomputeWaits).lengthNs();
  stage.recomputeExposedNs = recompute.lengthNs() - stage.recomputeHiddenNs;
}

StageStep makeStageStep(const Run& run, size_t index, const StepRange& step, Span window,
                        std::vector<PassSpan> passes) {
  const StageActivity& activity = run.activities[index];
  const DependencyWaits& waits = run.waits.ofActivity[index];
  StageStep stage{.step = step.step,
                  .replica = activity.place.replica,
                  .stage = activity.place.stage,
                  .rankIndex = activity.place.rankIndex,
                  .stepSpan = step.span,
                  .pipelineWindow = window,
                  .passes = std::move(passes)};
  const SpanSet work = clip(activity.pipelineWork, window);
  stage.computeNs = work.lengthNs();
  stage.bubbleNs = window.lengthNs() - stage.computeNs;
  stage.busyNs = clip(activity.busy, step.span).lengthNs();
  const Span stageWork = work.empty()
                             ? Span{window.endNs, window.endNs}
                             : Span{work.spans().front().beginNs, work.spans().back().endNs};
  stage.bubbles = explainIdle(activity, waits,
                              {step.span, window, stageWork, clip(run.synchronisation, step.span)});
  stage.causes = sumByCause(stage.bubbles);
  splitRecompute(stage, activity, waits);
  return stage;
}

void addReplica(StepModel& model, const Run& run, const std::vector<size_t>& indices,
                const std::stop_token& stop) {
  std::vector<PassesOfStep> passes;
  for (size_t index : indices) passes.push_back(groupBySteps(run.activities[index]));
  for (const StepRange& step : run.layout.steps) {
    if (stop.stop_requested()) return;
    std::vector<const std::vector<PassSpan>*> ofStep;
    for (const PassesOfStep& ofStage : passes) {
      static const std::vector<PassSpan> kNone;
      const auto found = ofStage.find(step.step);
      ofStep.push_back(found == ofStage.end() ? &kNone : &found->second);
    }
    const std::optional<Span> window = windowOf(ofStep);
    if (!window) continue;
    for (size_t i = 0; i < indices.size() && !stop.stop_requested(); ++i) {
      model.stageSteps.push_back(makeStageStep(run, indices[i], step, *window, *ofStep[i]));
    }
  }
}

int64_t medianTransfer(const Run& run, TransferDirection direction) {
  std::vector<int64_t> durations;
  for (const StageActivity& activity : run.activities) {
    for (const Transfer& receive : activity.receives) {
      if (receive.direction == direction) durations.push_back(receive.span.lengthNs());
    }
  }
  return median(std::move(durations));
}

}  // namespace

std::string_view name(IdleCause cause) {
  return kCauseTexts[static_cast<size_t>(cause)].name;
}
std::string_view label(IdleCause cause) {
  return kCauseTexts[static_cast<size_t>(cause)].label;
}

Result<StepModel> buildStepModel(const trace::Trace& trace, const std::stop_token& stop) {
  const auto stopped = [] {
    return fail(ErrorCode::kCancelled, "finding steps and bubbles was stopped");
  };
  CARACAL_TRY(layout, findPipelineLayout(trace, stop));
  Run run{std::move(layout), {}, {}, {}};
  run.activities = gatherActivities(trace, run.layout, stop);
  if (stop.stop_requested()) return stopped();
  run.waits = findWaits(run.activities, run.layout, stop);
  for (const StageActivity& activity : run.activities) {
    if (stop.stop_requested()) return stopped();
    run.synchronisation = unite(run.synchronisation, activity.synchronisation);
  }

  StepModel model;
  model.stageCount = run.layout.stageCount;
  model.replicaCount = run.layout.replicaCount;
  model.tensorSize = run.layout.tensorSize;
  model.facts = run.layout.facts;
  model.facts.push_back(run.waits.fact);
  std::map<int32_t, std::vector<size_t>> indicesOfReplica;
  for (size_t i = 0; i < run.activities.size(); ++i) {
    indicesOfReplica[run.activities[i].place.replica].push_back(i);
  }
  for (const auto& [replica, indices] : indicesOfReplica) addReplica(model, run, indices, stop);
  if (stop.stop_requested()) return stopped();
  std::sort(model.stageSteps.begin(), model.stageSteps.end(),
            [](const StageStep& a, const StageStep& b) {
              return std::tie(a.step, a.replica, a.stage) < std::tie(b.step, b.replica, b.stage);
            });
  model.forwardSendNs = medianTransfer(run, TransferDirection::kForward);
  model.backwardSendNs = medianTransfer(run, TransferDirection::kBackward);
  summarize(model);
  return model;
}

}  // namespace caracal::analysis
