#include "core/sim/item_durations.h"

namespace caracal::sim {
namespace {

using plan::Action;

// Sum over what the stage holds: its layers and, at either end, the model's ends.
template <class OfLayer, class OfEnd>
int64_t sumOverStage(const plan::StageShape& shape, OfLayer ofLayer, OfEnd ofEnd) {
  int64_t total = 0;
  for (int32_t layer = shape.firstLayer(); layer <= shape.topLayer(); ++layer) {
    total += ofLayer(shape.profile.kindOf(layer));
  }
  if (shape.isFirst()) total += ofEnd(shape.profile.first);
  if (shape.isLast()) total += ofEnd(shape.profile.last);
  return total;
}

int64_t reductionNs(const profile::Profile& profile, int32_t layer) {
  if (layer == plan::kFirstEnd) return profile.first.gradientReduceNs;
  if (layer == plan::kLastEnd) return profile.last.gradientReduceNs;
  return profile.kindOf(layer).gradientReduceNs;
}

}  // namespace

int64_t aloneNs(const plan::StageShape& shape, const plan::Item& item) {
  const auto op = [&]() -> const profile::Operator& {
    return shape.operators(item.layer)[static_cast<size_t>(item.op)];
  };
  switch (item.action) {
    case Action::kForward:
      return item.op < 0 ? 0 : op().forwardNs;
    case Action::kRecompute:
      return op().forwardNs;
    case Action::kBackward:
      return op().backwardNs - (item.split ? op().weightGradientNs() : 0);
    case Action::kWeightGradient:
      return op().weightGradientNs();
    case Action::kCollectiveStart: {
      if (item.window < 0) return op().forwardNs;
      const profile::Window& window =
          shape.profile.kindOf(item.layer).windows[static_cast<size_t>(item.window)];
      return item.split ? window.transferNs : window.capacityNs();
    }
    case Action::kGradientReduce:
      return sumOverStage(
          shape, [](const auto& kind) { return kind.gradientReduceNs; },
          [](const auto& end) { return end.gradientReduceNs; });
    case Action::kReduceStart:
      return reductionNs(shape.profile, item.layer);
    case Action::kOffloadStart:
    case Action::kFetchStart:
      return shape.profile.hostLink.transferNs(static_cast<double>(op().retainedBytes()));
    case Action::kOptimizer:
      return sumOverStage(
          shape, [](const auto& kind) { return kind.optimizerNs; },
          [](const auto& end) { return end.optimizerNs; });
    default:
      return 0;
  }
}

int64_t aloneNs(const plan::DeviceShape& device, const plan::Item& item) {
  if (item.chunk >= 0) return aloneNs(device.of(item), item);
  int64_t total = 0;
  for (const plan::StageShape& chunk : device.chunks) total += aloneNs(chunk, item);
  return total;
}

int64_t staticBytes(const plan::DeviceShape& device) {
  int64_t total = 0;
  for (const plan::StageShape& chunk : device.chunks) total += staticBytes(chunk);
  return total;
}

int64_t staticBytes(const plan::StageShape& shape) {
  return sumOverStage(
      shape, [](const auto& kind) { return kind.staticBytes; },
      [](const auto& end) { return end.staticBytes; });
}

}  // namespace caracal::sim
