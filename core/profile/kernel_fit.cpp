// fitToKernels() of kernel_layers.h.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/format.h"
#include "core/base/statistics.h"
#include "core/profile/kernel_layers.h"

namespace caracal::profile {
namespace {

bool hasAttention(const LayerKind& kind) {
  return std::any_of(kind.operators.begin(), kind.operators.end(),
                     [](const Operator& op) { return op.kind == OperatorKind::kAttention; });
}

KernelClass classOf(const Operator& op) {
  if (op.kind == OperatorKind::kGemm) return KernelClass::kMatrix;
  return op.kind == OperatorKind::kAttention ? KernelClass::kAttention : KernelClass::kOther;
}

int64_t sumOf(const ClassTimes& times) {
  return std::accumulate(times.begin(), times.end(), int64_t{0});
}

// What one pass of one layer takes, over the stages.
struct LayerTimes {
  ClassTimes byClass{};
  std::vector<int64_t> collectiveNs;
  std::vector<int64_t> collectiveBytes;
  size_t collectives = 0;  // of one layer
};

constexpr double kLeastOfLayer = 0.25;   // of a layer's time, for a layer that differs to be there
constexpr double kSizeTolerance = 0.02;  // small products beside a layer's own, padding

// How the layers of a stage lie in what repeats.
struct LayerCount {
  size_t perRepetition = 0;  // 0: the numbers contradict
  int64_t differing = 0;     // layers outside of the repetitions
};

LayerCount countLayers(const PassLayers& pass, int32_t layers) {
  const auto held = static_cast<size_t>(layers);
  if (pass.repetitions > held) return {};
  if (held % pass.repetitions == 0) return {held / pass.repetitions, 0};
  const auto differing = static_cast<int64_t>(held - pass.repetitions);
  const int64_t outsideNs = pass.beforeNs + pass.betweenNs + pass.afterNs;
  const auto leastNs = kLeastOfLayer * static_cast<double>(differing * sumOf(pass.layerNs));
  const bool most = 3 * pass.repetitions >= 2 * held;
  return most && static_cast<double>(outsideNs) >= leastNs ? LayerCount{1, differing}
                                                           : LayerCount{};
}

Result<LayerTimes> layerTimes(const std::vector<StageLayers>& stages, PassLayers StageLayers::*pass,
                              const std::vector<int32_t>& layers, std::string_view word) {
  LayerTimes times;
  for (size_t stage = 0; stage < stages.size(); ++stage) {
    const PassLayers& of = stages[stage].*pass;
    const size_t held = countLayers(of, layers[stage]).perRepetition;
    if (held == 0) {
      return fail(ErrorCode::kInvalidInput,
                  "the kernels of stage {} repeat {} times in {} passes, but it should hold {} "
                  "layers: correct \"layers\" of the model description, or --layers",
                  stage, of.repetitions, word, layers[stage]);
    }
    const auto divisor = static_cast<int64_t>(held * stages.size());
    for (size_t c = 0; c < kKernelClassCount; ++c) times.byClass[c] += of.layerNs[c] / divisor;
    times.collectives = of.collectiveNs.size() / held;
    times.collectiveNs.insert(times.collectiveNs.end(), of.collectiveNs.begin(),
                              of.collectiveNs.end());
    times.collectiveBytes.insert(times.collectiveBytes.end(), of.collectiveBytes.begin(),
                                 of.collectiveBytes.end());
  }
  return times;
}

Result<void> fitOperators(LayerKind& kind, ClassTimes measured, int64_t Operator::*field,
                          std::string_view word) {
  const auto matrix = static_cast<size_t>(KernelClass::kMatrix);
  const auto attention = static_cast<size_t>(KernelClass::kAttention);
  if (measured[attention] > 0 && !hasAttention(kind)) {
    return fail(ErrorCode::kInvalidInput,
                "the {} kernels of a layer hold fused attention, the model description says "
                "unfused: set \"attention\": \"fused\"",
                word);
  }
  if (measured[matrix] == 0) {
    return fail(ErrorCode::kCannotAnswer,
                "no matrix products are recognised among the {} kernels of a layer", word);
  }
  // Attention kernels that no word of their names gives away count among the matrix products.
  const bool pooled = measured[attention] == 0;
  const auto slotOf = [&](const Operator& op) {
    const auto slot = static_cast<size_t>(classOf(op));
    return pooled && slot == attention ? matrix : slot;
  };
  ClassTimes estimated{};
  for (const Operator& op : kind.operators) {
    if (op.kind != OperatorKind::kCollective) estimated[slotOf(op)] += op.*field;
  }
  for (Operator& op : kind.operators) {
    const size_t slot = slotOf(op);
    if (op.kind == OperatorKind::kCollective || estimated[slot] == 0) continue;
    op.*field = std::llround(static_cast<double>(op.*field) * static_cast<double>(measured[slot]) /
                             static_cast<double>(estimated[slot]));
  }
  return {};
}

// Windows of one direction share the median of the collectives: where a layer begins inside a
// repetition is not known, so neither is which is which.
Result<void> fitWindows(LayerKind& kind, const LayerTimes& times, bool backward) {
  std::vector<Window*> windows;
  for (Window& window : kind.windows) {
    if (window.ofBackward() == backward) windows.push_back(&window);
  }
  if (times.collectives != windows.size()) {
    return fail(
        ErrorCode::kInvalidInput,
        "a {} layer of the trace holds {} collectives, the model description makes {}: check "
        "tp, sequenceParallel and contextParallel",
        backward ? "backward" : "forward", times.collectives, windows.size());
  }
  for (Window* window : windows) {
    window->transferNs = median(times.collectiveNs);
    window->overlappedNs = std::min(window->overlappedNs, window->transferNs);
    if (const int64_t bytes = median(times.collectiveBytes); bytes > 0) window->bytes = bytes;
    const int collective = kind.indexOf(window->after);
    if (backward || collective < 0) continue;
    Operator& op = kind.operators[static_cast<size_t>(collective)];
    if (op.kind == OperatorKind::kCollective) op.forwardNs = window->transferNs;
  }
  return {};
}

void fitEnd(ModelEnd& end, int64_t measuredNs, int64_t Operator::*field) {
  int64_t estimatedNs = 0;
  for (const Operator& op : end.operators) estimatedNs += op.*field;
  if (estimatedNs == 0) return;
  for (Operator& op : end.operators) {
    op.*field = std::llround(static_cast<double>(op.*field) * static_cast<double>(measuredNs) /
                             static_cast<double>(estimatedNs));
  }
}

// Computation before and after the layers of a pass. Layers that differ from the others lie between
// them, else on the side that takes longer.
struct Ends {
  int64_t beforeNs = 0, afterNs = 0;
};
Ends endsOf(const PassLayers& pass, int32_t layers) {
  Ends ends{pass.beforeNs, pass.afterNs};
  const int64_t differingNs = countLayers(pass, layers).differing * sumOf(pass.layerNs);
  int64_t& longer = ends.beforeNs > ends.afterNs ? ends.beforeNs : ends.afterNs;
  if (static_cast<double>(pass.betweenNs) < kLeastOfLayer * static_cast<double>(differingNs))
    longer = std::max<int64_t>(0, longer - differingNs);
  return ends;
}

// The matrix products of a forward layer make what the description says they make. Sums, because
// frameworks fuse and split products (q, k and v; gate and fc1).
Result<void> checkSizes(const LayerKind& kind, const std::vector<StageLayers>& stages,
                        const std::vector<int32_t>& layers) {
  const bool fused = kind.indexOf("attn") >= 0;
  int64_t described = 0;
  for (const Operator& op : kind.operators) {
    const bool product =
        op.kind == OperatorKind::kGemm || (!fused && (op.id == "scores" || op.id == "context"));
    if (product) described += op.outputBytes;
  }
  for (size_t stage = 0; stage < stages.size(); ++stage) {
    const PassLayers& forward = stages[stage].forward;
    if (forward.productBytes < 0) continue;
    const size_t held = countLayers(forward, layers[stage]).perRepetition;
    const int64_t recorded = forward.productBytes / static_cast<int64_t>(std::max<size_t>(held, 1));
    const auto differs = static_cast<double>(std::abs(recorded - described));
    if (differs <= kSizeTolerance * static_cast<double>(described)) continue;
    return fail(ErrorCode::kInvalidInput,
                "the matrix products of a forward layer of stage {} make {} by their recorded "
                "shapes, by the model description {}: check hidden, ffnHidden, sequence, "
                "microBatchSize, kvHeads, gatedMlp, bytesPerElement and tp",
                stage, formatBytes(recorded), formatBytes(described));
  }
  return {};
}

}  // namespace

Result<void> fitToKernels(Profile& estimate, const std::vector<StageLayers>& stages,
                          const std::vector<int32_t>& layers) {
  if (estimate.kinds.size() > 1) {
    return fail(ErrorCode::kUnsupported,
                "the model description has {} kinds of layers; layers are told apart in traces of "
                "kernels only where all are equal",
                estimate.kinds.size());
  }
  LayerKind& kind = estimate.kinds.front();
  CARACAL_TRY(forward, layerTimes(stages, &StageLayers::forward, layers, "forward"));
  CARACAL_TRY(backward, layerTimes(stages, &StageLayers::backward, layers, "backward"));
  CARACAL_CHECK_OK(checkSizes(kind, stages, layers));
  CARACAL_CHECK_OK(fitOperators(kind, forward.byClass, &Operator::forwardNs, "forward"));
  CARACAL_CHECK_OK(fitOperators(kind, backward.byClass, &Operator::backwardNs, "backward"));
  CARACAL_CHECK_OK(fitWindows(kind, forward, false));
  CARACAL_CHECK_OK(fitWindows(kind, backward, true));
  fitEnd(estimate.first, endsOf(stages.front().forward, layers.front()).beforeNs,
         &Operator::forwardNs);
  fitEnd(estimate.first, endsOf(stages.front().backward, layers.front()).afterNs,
         &Operator::backwardNs);
  fitEnd(estimate.last, endsOf(stages.back().forward, layers.back()).afterNs, &Operator::forwardNs);
  fitEnd(estimate.last, endsOf(stages.back().backward, layers.back()).beforeNs,
         &Operator::backwardNs);
  return {};
}

}  // namespace caracal::profile
