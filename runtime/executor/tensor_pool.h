// The activations of one rank, or those on its host: memory is taken once and used again for
// tensors of the same size, as caching allocators do, and what is alive is counted byte by byte.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "runtime/executor/device.h"

namespace caracal::executor {

class TensorPool {
 public:
  explicit TensorPool(Memory& memory) : m_memory(memory) {}
  ~TensorPool();
  TensorPool(const TensorPool&) = delete;
  TensorPool& operator=(const TensorPool&) = delete;

  // Contents are what the memory held before.
  Result<Tensor> take(int64_t bytes);
  void giveBack(Tensor tensor);

  int64_t liveBytes() const { return m_liveBytes; }
  int64_t peakBytes() const { return m_peakBytes; }          // of liveBytes()
  int64_t reservedBytes() const { return m_reservedBytes; }  // taken from the memory

 private:
  Memory& m_memory;
  std::map<int64_t, std::vector<float*>> m_free;  // by size
  int64_t m_liveBytes = 0, m_peakBytes = 0, m_reservedBytes = 0;
};

}  // namespace caracal::executor
