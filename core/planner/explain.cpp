#include "core/planner/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "core/base/format.h"
#include "core/plan/chunk_shapes.h"
#include "core/plan/schedule.h"
#include "core/plan/stage_shape.h"
#include "core/planner/baselines.h"
#include "core/planner/layer_words.h"
#include "core/planner/window_use.h"

namespace caracal::planner {
namespace {

using plan::WindowId;

// Policies that never look at memory.
bool ignoresMemory(const std::string& policy) {
  const auto baseline = baselineFromName(policy);
  return baseline && *baseline;
}

// The least that one layer would take to keep one more of the tensors that are rebuilt.
struct NextTensor {
  std::string id;
  int64_t bytes = std::numeric_limits<int64_t>::max();
};

std::optional<NextTensor> nextToKeep(const plan::StageShape& shape) {
  NextTensor next;
  for (int32_t layer = shape.firstLayer(); layer <= shape.topLayer(); ++layer) {
    const auto& operators = shape.operators(layer);
    for (size_t op = 0; op < operators.size(); ++op) {
      if (!shape.policy(layer).placements[op].recomputed() || !operators[op].needed()) continue;
      const int64_t bytes = shape.inFlight() * operators[op].savedBytes;
      if (bytes < next.bytes) next = {operators[op].id, bytes};
    }
  }
  if (next.id.empty()) return std::nullopt;
  return next;
}

std::vector<std::string> fullWindowWords(const plan::StageShape& shape) {
  // A layer that has neighbours stands for the others.
  const int32_t layer = shape.firstLayer() + (shape.plan.layerCount() - 1) / 2;
  const WindowUse use(shape, layer);
  std::vector<std::string> words;
  constexpr int64_t kFullPercent = 95;
  for (const WindowId window : kCollectiveWindows) {
    const WindowLoad& load = use[window];
    if (!load.exists || load.usedNs * 100 < load.capacityNs * kFullPercent || load.usedNs == 0)
      continue;
    words.push_back(fmt::format("window {} is full in layer {}: {} to rebuild in {}", name(window),
                                layer, formatDuration(load.usedNs),
                                formatDuration(load.capacityNs)));
  }
  return words;
}

std::string memoryWords(const plan::StageShape& shape, const sim::StageResult& stage,
                        const NextTensor& next, const std::string& policy) {
  if (ignoresMemory(policy)) {
    return fmt::format("the policy: {} recomputes what it recomputes, whatever memory is left",
                       policy);
  }
  if (stage.budgetBytes == 0) return "no budget is set, so memory does not limit it";
  const int64_t left = stage.budgetBytes - stage.peakBytes;
  const std::string need =
      fmt::format("keeping {} in one more layer takes {}", next.id, formatBytes(next.bytes));
  if (left < next.bytes) {
    return fmt::format("memory of stage {}: {} are left of its budget, {}", shape.stage,
                       formatBytes(left), need);
  }
  return fmt::format("{} are left and {}, but {} found nothing that makes the step shorter",
                     formatBytes(left), need, policy);
}

std::vector<std::string> limitsOf(const plan::StageShape& shape, const sim::StageResult& stage,
                                  const std::string& policy) {
  if (stage.budgetBytes > 0 && stage.peakBytes > stage.budgetBytes) {
    return {fmt::format("needs {} more than its budget",
                        formatBytes(stage.peakBytes - stage.budgetBytes))};
  }
  const std::optional<NextTensor> next = nextToKeep(shape);
  if (!next) return {"keeps all that backward reads: recomputation costs nothing here"};
  if (stage.exposedRecomputeNs == 0) {
    return {fmt::format("hides all of its recomputation, {} per step",
                        formatDuration(stage.hiddenRecomputeNs))};
  }
  std::vector<std::string> limits{fmt::format("{} of recomputation exposed per step, {} hidden",
                                              formatDuration(stage.exposedRecomputeNs),
                                              formatDuration(stage.hiddenRecomputeNs)),
                                  memoryWords(shape, stage, *next, policy)};
  if (!ignoresWindows(policy)) {
    for (std::string& words : fullWindowWords(shape)) limits.push_back(std::move(words));
  }
  return limits;
}

std::vector<LayerExplanation> layersOf(const plan::StageShape& shape, const std::string& policy) {
  std::vector<LayerExplanation> groups;
  for (int32_t first = shape.firstLayer(); first <= shape.topLayer();) {
    int32_t last = first;
    const auto alike = [&](int32_t layer) {
      return shape.policy(layer) == shape.policy(first) &&
             &shape.graph(layer) == &shape.graph(first);
    };
    while (last < shape.topLayer() && alike(last + 1)) ++last;
    // The lowest of them speaks for all: it has a layer above if any of them has.
    groups.push_back({first, last, tensorWords(shape, first, policy)});
    first = last + 1;
  }
  return groups;
}

std::string summaryOf(const sim::SimResult& simulated) {
  const auto passNs = [](const sim::StageResult& stage) {
    return stage.forwardNs + stage.backwardNs;
  };
  const auto slowest =
      std::max_element(simulated.stages.begin(), simulated.stages.end(),
                       [&](const auto& a, const auto& b) { return passNs(a) < passNs(b); });
  const auto fullest =
      std::max_element(simulated.stages.begin(), simulated.stages.end(),
                       [](const auto& a, const auto& b) { return a.peakBytes < b.peakBytes; });
  return fmt::format(
      "stage {} sets the pace with {} of forward and backward per micro-batch; stage {} needs most "
      "memory, {}; bubbles take {}",
      slowest->stage, formatDuration(passNs(*slowest)), fullest->stage,
      formatBytes(fullest->peakBytes), formatPercent(simulated.bubblePct));
}

}  // namespace

PlanExplanation explain(const profile::Profile& profile, const plan::Plan& plan,
                        const sim::SimResult& simulated) {
  const plan::ProfileGraphs graphs(profile);
  PlanExplanation explanation;
  explanation.summary = summaryOf(simulated);
  const plan::Schedule schedule =
      plan::makeSchedule(plan.schedule, plan.parallel.pipeline, plan.parallel.microBatches).value();
  for (const plan::StageShape& shape : plan::chunkShapes(profile, graphs, plan, schedule)) {
    const auto device = static_cast<size_t>(schedule.deviceOf(shape.stage, 0));
    explanation.stages.push_back({shape.stage,
                                  limitsOf(shape, simulated.stages[device], plan.policy),
                                  layersOf(shape, plan.policy)});
  }
  return explanation;
}

}  // namespace caracal::planner
