// TensorIndex: dense numbers for the tensors of one stage, so that simulator, liveness and runtime
// can keep per-tensor state in an array.
#pragma once

#include <cstdint>
#include <vector>

#include "core/plan/plan.h"
#include "core/plan/program.h"
#include "core/profile/profile.h"

namespace caracal::plan {

class TensorIndex {
 public:
  TensorIndex(const profile::Profile& profile, const StagePlan& stage)
      : m_firstLayer(stage.firstLayer) {
    uint32_t next = 1;  // 0: the incoming activation
    for (int32_t l = 0; l < stage.layerCount(); ++l) {
      m_offsets.push_back(next);
      next += static_cast<uint32_t>(profile.kindOf(stage.firstLayer + l).operators.size());
    }
    m_firstEnd = next;
    next += static_cast<uint32_t>(profile.first.operators.size());
    m_lastEnd = next;
    m_perMicroBatch = next + static_cast<uint32_t>(profile.last.operators.size());
  }

  uint32_t perMicroBatch() const { return m_perMicroBatch; }
  size_t size(int32_t microBatches) const {
    return size_t{m_perMicroBatch} * static_cast<size_t>(microBatches);
  }
  // REQUIRES a tensor of this stage.
  size_t operator()(const TensorRef& tensor) const {
    return size_t{m_perMicroBatch} * static_cast<size_t>(tensor.microBatch) + within(tensor);
  }

 private:
  uint32_t within(const TensorRef& tensor) const {
    if (tensor.layer == kFirstEnd) return m_firstEnd + static_cast<uint32_t>(tensor.op);
    if (tensor.layer == kLastEnd) return m_lastEnd + static_cast<uint32_t>(tensor.op);
    if (tensor.op < 0) return 0;
    return m_offsets[static_cast<size_t>(tensor.layer - m_firstLayer)] +
           static_cast<uint32_t>(tensor.op);
  }

  int32_t m_firstLayer;
  std::vector<uint32_t> m_offsets;  // per layer of the stage
  uint32_t m_firstEnd = 0;
  uint32_t m_lastEnd = 0;
  uint32_t m_perMicroBatch = 0;
};

}  // namespace caracal::plan
