// How many bytes a tensor of a program takes while it is alive (program.h says from when to when).
#pragma once

#include "core/plan/program.h"
#include "core/plan/stage_shape.h"

namespace caracal::plan {

// The output of a layer's last operator is the next layer's checkpoint, so it stays whole beside
// what its own backward saves (a dropout mask); other tensors are saved in place of their output.
struct TensorBytes {
  int64_t live = 0;      // from the item that makes it; a rebuilt tensor: until it is released
  int64_t retained = 0;  // after the forward pass over its layer has ended
};

inline TensorBytes bytesOfOperator(const profile::Operator& op, bool lastOfLayer, bool retained) {
  if (!lastOfLayer) return {op.liveBytes(), op.retainedBytes()};
  return {op.outputBytes + op.savedBytes, op.outputBytes + (retained ? op.savedBytes : 0)};
}

inline TensorBytes tensorBytes(const StageShape& shape, const TensorRef& tensor) {
  if (tensor.layer >= 0 && tensor.op == -1) {
    const int64_t bytes = shape.profile.kindOf(tensor.layer).inputBytes;
    return {bytes, bytes};
  }
  if (isGradient(tensor)) {
    const auto of = static_cast<size_t>(operatorOfGradient(tensor));
    const int64_t bytes = shape.operators(tensor.layer)[of].outputBytes;
    return {bytes, bytes};
  }
  const profile::Operator& op = shape.operators(tensor.layer)[static_cast<size_t>(tensor.op)];
  if (tensor.layer == kFirstEnd && tensor.op == shape.graphs.first.last())
    return {op.savedBytes, op.savedBytes};
  if (tensor.layer < 0) return bytesOfOperator(op, false, true);
  const bool retained =
      shape.policy(tensor.layer).placements[static_cast<size_t>(tensor.op)].kept();
  return bytesOfOperator(op, tensor.op == shape.graph(tensor.layer).last(), retained);
}

// Host memory for what the device offloads: every offloaded tensor once for each micro-batch in
// flight.
inline int64_t hostBytes(const DeviceShape& device) {
  int64_t total = 0;
  for (const StageShape& chunk : device.chunks) {
    for (int32_t layer = chunk.firstLayer(); layer <= chunk.topLayer(); ++layer) {
      const auto& placements = chunk.policy(layer).placements;
      for (size_t op = 0; op < placements.size(); ++op) {
        if (placements[op].kind == PlacementKind::kOffload)
          total += chunk.inFlight() * chunk.operators(layer)[op].retainedBytes();
      }
    }
  }
  return total;
}

}  // namespace caracal::plan
