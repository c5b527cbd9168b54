// The tensors of a rank that are alive, by the names that programs give them. Owns them.
#pragma once

#include <unordered_map>

#include "core/plan/program.h"
#include "runtime/executor/tensor_pool.h"

namespace caracal::executor {

class LiveTensors {
 public:
  explicit LiveTensors(TensorPool& pool) : m_pool(pool) {}
  ~LiveTensors();
  LiveTensors(const LiveTensors&) = delete;
  LiveTensors& operator=(const LiveTensors&) = delete;

  // Fails when a tensor of that name is alive: a program makes one again only after its release.
  Result<Tensor> make(const plan::TensorRef& ref, int64_t bytes);
  // Fails when it is not alive: the program released it too early or never made it.
  Result<Tensor> find(const plan::TensorRef& ref) const;
  Result<void> release(const plan::TensorRef& ref);
  size_t count() const { return m_tensors.size(); }

 private:
  struct Hash {
    size_t operator()(const plan::TensorRef& ref) const {
      const uint64_t key = (static_cast<uint64_t>(static_cast<uint32_t>(ref.microBatch)) << 32) ^
                           (static_cast<uint64_t>(static_cast<uint32_t>(ref.layer)) << 8) ^
                           static_cast<uint8_t>(ref.op);
      return std::hash<uint64_t>()(key);
    }
  };
  TensorPool& m_pool;
  std::unordered_map<plan::TensorRef, Tensor, Hash> m_tensors;
};

}  // namespace caracal::executor
