// Copies of offloaded tensors between GPU and host memory, on a stream of their own for each
// direction, beside compute. Whoever uses memory that a copy reads or writes waits for it first.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/cuda/device_links.h"
#include "runtime/cuda/streams.h"
#include "runtime/executor/device.h"

namespace caracal::cuda {

enum class CopyDirection : uint8_t { kToHost, kToDevice };

class CopyLanes {
 public:
  CopyLanes() = default;
  static Result<CopyLanes> make(EventPool& events);

  // Behind everything on `compute` so far, and behind copies of the same memory.
  Result<TransferEvents> copy(const executor::Copy& call, CopyDirection direction, Queue& compute);
  // What comes next on `queue` may read and write the tensor.
  void awaitUseOf(const executor::Tensor& tensor, Queue& queue);

 private:
  struct Lane {
    Stream stream;
    Queue queue;
  };
  struct UnderWay {
    executor::Copy call;
    Event end;
  };
  static Result<void> open(Lane& lane);

  EventPool* m_events = nullptr;
  Lane m_toHost, m_toDevice;
  std::vector<UnderWay> m_underWay;
};

}  // namespace caracal::cuda
