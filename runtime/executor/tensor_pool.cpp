#include "runtime/executor/tensor_pool.h"

#include <algorithm>

namespace caracal::executor {

TensorPool::~TensorPool() {
  for (const auto& [bytes, blocks] : m_free) {
    for (float* block : blocks) m_memory.release(block);
  }
}

Result<Tensor> TensorPool::take(int64_t bytes) {
  std::vector<float*>& free = m_free[bytes];
  Tensor tensor{nullptr, bytes};
  if (free.empty()) {
    CARACAL_TRY(block, m_memory.allocate(bytes));
    tensor.data = block;
    m_reservedBytes += bytes;
  } else {
    tensor.data = free.back();
    free.pop_back();
  }
  m_liveBytes += bytes;
  m_peakBytes = std::max(m_peakBytes, m_liveBytes);
  return tensor;
}

void TensorPool::giveBack(Tensor tensor) {
  m_free[tensor.bytes].push_back(tensor.data);
  m_liveBytes -= tensor.bytes;
}

}  // namespace caracal::executor
