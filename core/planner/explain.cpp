#include "core/planner/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <limits>
#include <optional>

#include "core/base/format.h"
#include "core/plan/chunk_shapes.h"
#include "core/plan/schedule.h"
#include "core/plan/stage_shape.h"
#include "core/planner/baselines.h"
#include "core/planner/window_use.h"

namespace caracal::planner {
namespace {

using plan::PlacementKind;
using plan::Slot;
using plan::WindowId;
using profile::Operator;

constexpr std::array<WindowId, 5> kCollectiveWindows{WindowId::kFwdAttn, WindowId::kFwdMlp,
                                                     WindowId::kPrevBwdMlp, WindowId::kPrevBwdAttn,
                                                     WindowId::kOwnBwdMlp};

// Policies that never look at windows.
bool ignoresWindows(const std::string& policy) {
  const auto baseline = baselineFromName(policy);
  return (baseline && *baseline) || policy == "checkmate" || policy == "knapsack";
}

// Policies that never look at memory.
bool ignoresMemory(const std::string& policy) {
  const auto baseline = baselineFromName(policy);
  return baseline && *baseline;
}

std::string fullWindows(const WindowUse& use) {
  std::string text;
  for (const WindowId window : kCollectiveWindows) {
    if (!use[window].exists) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name(window),
                        formatDuration(use[window].roomNs()));
  }
  return text;
}

int64_t mostRoomNs(const WindowUse& use) {
  int64_t most = 0;
  for (const WindowId window : kCollectiveWindows) most = std::max(most, use[window].roomNs());
  return most;
}

class LayerWords {
 public:
  LayerWords(const plan::StageShape& shape, int32_t layer, const std::string& policy)
      : m_shape(shape), m_layer(layer), m_policy(policy), m_use(shape, layer) {}

  std::vector<TensorExplanation> run() const {
    std::vector<TensorExplanation> tensors;
    for (int16_t op = 0; op < m_shape.graph(m_layer).size(); ++op)
      tensors.push_back({tensor(op).id, placement(op), wordsOf(op)});
    return tensors;
  }

 private:
  const Operator& tensor(int16_t op) const {
    return m_shape.operators(m_layer)[static_cast<size_t>(op)];
  }
  plan::Placement placement(int16_t op) const {
    return m_shape.policy(m_layer).placements[static_cast<size_t>(op)];
  }
  const plan::OperatorLinks& links(int16_t op) const {
    return m_shape.graph(m_layer).operators[op];
  }

  std::string bytesWords(int16_t op) const {
    const bool last = op == m_shape.graph(m_layer).last();
    const int64_t bytes = last ? tensor(op).savedBytes : tensor(op).retainedBytes();
    return fmt::format("{} in each of {} micro-batches", formatBytes(bytes), m_shape.inFlight());
  }

  std::string wordsOf(int16_t op) const {
    switch (placement(op).kind) {
      case PlacementKind::kDiscarded:
        return "dropped: backward does not read it and nothing is rebuilt from it";
      case PlacementKind::kRetained:
        return keptWords(op);
      case PlacementKind::kWindow:
        return windowWords(op);
      case PlacementKind::kOnDemand:
        return onDemandWords(op);
      case PlacementKind::kOffload:
        return fmt::format("on the host from the end of the forward above to the backward: {}",
                           bytesWords(op));
    }
    return {};
  }

  // What rebuilding the tensor would run: itself and what else it would take.
  int64_t rebuildNs(int16_t op, std::vector<bool>& counted) const {
    if (counted[static_cast<size_t>(op)]) return 0;
    counted[static_cast<size_t>(op)] = true;
    int64_t total = tensor(op).forwardNs;
    for (const int16_t input : links(op).inputs) {
      if (input != plan::kLayerInput && placement(input).kind == PlacementKind::kDiscarded)
        total += rebuildNs(input, counted);
    }
    return total;
  }

  std::string rebuiltFrom(int16_t op) const {
    std::string text;
    for (const int16_t consumer : links(op).consumers) {
      if (!placement(consumer).recomputed()) continue;
      text += (text.empty() ? "" : ", ") + tensor(consumer).id;
    }
    return text;
  }

  std::string keptWords(int16_t op) const {
    std::vector<bool> counted(m_shape.operators(m_layer).size(), false);
    const int64_t ns = rebuildNs(op, counted);
    const std::string consumers = rebuiltFrom(op);
    if (!tensor(op).needed()) {
      return fmt::format("kept, {}, as what {} is rebuilt from: making it again would take {}",
                         bytesWords(op), consumers.empty() ? "nothing" : consumers,
                         formatDuration(ns));
    }
    std::string text =
        fmt::format("kept, {}: rebuilding it would take {}", bytesWords(op), formatDuration(ns));
    if (ignoresWindows(m_policy)) return text;
    const int64_t room = mostRoomNs(m_use);
    if (ns > room) {
      text += m_shape.profile.parallel.tensor > 1
                  ? fmt::format(", more than any window has left ({})", formatDuration(room))
                  : ", all of it exposed: there is no collective to hide it beside";
    } else {
      text += ", which a window could hide, but the memory is there";
    }
    return text;
  }

  std::string windowWords(int16_t op) const {
    const WindowId window = placement(op).window;
    const Slot slot = m_use.slots()[static_cast<size_t>(op)];
    const std::string takes = formatDuration(tensor(op).forwardNs);
    if (slot >= Slot::kOnDemandMlp && slot != Slot::kOwnBwdMlp) {
      return fmt::format("{} does not exist here, so {} is exposed before it is read", name(window),
                         takes);
    }
    if (window == WindowId::kPipe || slot == Slot::kPipe) {
      return fmt::format(
          "rebuilt in {} while the stage waits for a gradient; hidden as far as the "
          "wait is longer",
          takes);
    }
    const WindowLoad& load = m_use[window];
    std::string text =
        fmt::format("rebuilt in {} beside {}, which leaves {} free; {} of it used", takes,
                    name(window), formatDuration(load.capacityNs), formatDuration(load.usedNs));
    if (load.overflowNs() > 0) {
      text +=
          fmt::format("; the window overflows, {} are exposed", formatDuration(load.overflowNs()));
    }
    if (links(op).collective) text += "; a repeated collective cannot hide there and is exposed";
    return text;
  }

  std::string onDemandWords(int16_t op) const {
    const bool mlp = m_use.slots()[static_cast<size_t>(op)] == Slot::kOnDemandMlp;
    std::string text = fmt::format(
        "rebuilt on the critical path before the {} segment: {} exposed "
        "in each micro-batch",
        mlp ? "MLP" : "attention", formatDuration(tensor(op).forwardNs));
    if (tensor(op).needed())
      text += fmt::format("; frees {}", bytesWords(op));
    else
      text += fmt::format("; only to make {}", orNothing(rebuiltFrom(op)));
    if (ignoresWindows(m_policy)) return text + fmt::format("; {} uses no windows", m_policy);
    if (links(op).collective) return text + "; a collective cannot hide in a collective";
    const std::string room = fullWindows(m_use);
    if (room.empty()) return text + "; there is no collective to hide it beside";
    return text + fmt::format("; windows have left: {}", room);
  }

  static std::string orNothing(const std::string& text) { return text.empty() ? "nothing" : text; }

  const plan::StageShape& m_shape;
  int32_t m_layer;
  const std::string& m_policy;
  WindowUse m_use;
};

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
    groups.push_back({first, last, LayerWords(shape, first, policy).run()});
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
