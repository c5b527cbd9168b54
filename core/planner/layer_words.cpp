#include "core/planner/layer_words.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/format.h"
#include "core/planner/baselines.h"
#include "core/planner/window_use.h"

namespace caracal::planner {
namespace {

using plan::PlacementKind;
using plan::Slot;
using plan::WindowId;
using profile::Operator;

std::string fullWindows(const WindowUse& use) {
  std::string text;
  for (const WindowId window : kCollectiveWindows) {
    if (!use[window].exists) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name(window),
                        formatDuration(use[window].roomNs));
  }
  return text;
}

int64_t mostRoomNs(const WindowUse& use) {
  int64_t most = 0;
  for (const WindowId window : kCollectiveWindows) most = std::max(most, use[window].roomNs);
  return most;
}

bool anyWindow(const WindowUse& use) {
  return std::any_of(kCollectiveWindows.begin(), kCollectiveWindows.end(),
                     [&](WindowId window) { return use[window].exists; });
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
      case PlacementKind::kRepeated:
        return fmt::format(
            "kept, {}, and run again before its reader's backward all the same, as a "
            "checkpointed attention core is: {} exposed in each micro-batch",
            bytesWords(op), formatDuration(tensor(op).forwardNs));
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
      text += anyWindow(m_use)
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
    if (load.overflowNs > 0) {
      text +=
          fmt::format("; the window overflows, {} are exposed", formatDuration(load.overflowNs));
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

}  // namespace

bool ignoresWindows(const std::string& policy) {
  const auto baseline = baselineFromName(policy);
  return (baseline && *baseline) || policy == "checkmate" || policy == "knapsack";
}

std::vector<TensorExplanation> tensorWords(const plan::StageShape& shape, int32_t layer,
                                           const std::string& policy) {
  return LayerWords(shape, layer, policy).run();
}

}  // namespace caracal::planner
