// TensorIndex: dense numbers for the tensors of one device, so that simulator, liveness and runtime
// can keep per-tensor state in an array.
#pragma once

#include <cstdint>
#include <vector>

#include "core/plan/plan.h"
#include "core/plan/program.h"
#include "core/plan/stage_shape.h"
#include "core/profile/profile.h"

namespace caracal::plan {

class TensorIndex {
 public:
  // The tensors of a device that holds one stage.
  TensorIndex(const profile::Profile& profile, const StagePlan& stage) {
    add(profile, stage);
    addEnds(profile);
  }
  explicit TensorIndex(const DeviceShape& device) {
    for (const StageShape& chunk : device.chunks) add(chunk.profile, chunk.plan);
    addEnds(device.chunks.front().profile);
  }

  uint32_t perMicroBatch() const { return m_perMicroBatch; }
  size_t size(int32_t microBatches) const {
    return size_t{m_perMicroBatch} * static_cast<size_t>(microBatches);
  }
  // REQUIRES a tensor of this device.
  size_t operator()(const TensorRef& tensor) const {
    return size_t{m_perMicroBatch} * static_cast<size_t>(tensor.microBatch) + within(tensor);
  }

 private:
  // A layer's outputs, then their gradients.
  struct Block {
    uint32_t begin = 0;
    uint32_t operators = 0;
  };
  struct Chunk {
    int32_t firstLayer = 0;
    uint32_t input = 0;  // the incoming activation
    std::vector<Block> layers;
  };

  Block block(size_t operators) {
    const Block block{m_perMicroBatch, static_cast<uint32_t>(operators)};
    m_perMicroBatch += 2 * block.operators;
    return block;
  }

  void add(const profile::Profile& profile, const StagePlan& stage) {
    Chunk chunk{stage.firstLayer, m_perMicroBatch++, {}};
    for (int32_t l = 0; l < stage.layerCount(); ++l)
      chunk.layers.push_back(block(profile.kindOf(stage.firstLayer + l).operators.size()));
    m_chunks.push_back(std::move(chunk));
  }

  void addEnds(const profile::Profile& profile) {
    m_firstEnd = block(profile.first.operators.size());
    m_lastEnd = block(profile.last.operators.size());
  }

  uint32_t within(const TensorRef& tensor) const {
    if (tensor.layer == kFirstEnd) return place(m_firstEnd, tensor);
    if (tensor.layer == kLastEnd) return place(m_lastEnd, tensor);
    size_t c = m_chunks.size() - 1;
    while (c > 0 && tensor.layer < m_chunks[c].firstLayer) --c;
    const Chunk& chunk = m_chunks[c];
    if (tensor.op == -1) return chunk.input;
    return place(chunk.layers[static_cast<size_t>(tensor.layer - chunk.firstLayer)], tensor);
  }

  static uint32_t place(const Block& block, const TensorRef& tensor) {
    if (!isGradient(tensor)) return block.begin + static_cast<uint32_t>(tensor.op);
    return block.begin + block.operators + static_cast<uint32_t>(operatorOfGradient(tensor));
  }

  std::vector<Chunk> m_chunks;  // in model order
  Block m_firstEnd, m_lastEnd;
  uint32_t m_perMicroBatch = 0;
};

}  // namespace caracal::plan
