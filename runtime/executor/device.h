// Device: where the tensors of one rank lie and where its operators, collectives and transfers run.
// The executor decides what runs when and which tensors live; a device knows arithmetic, links and
// time.
//
// Calls return as soon as the device allows it (the CPU backend runs an operator inside the call, a
// device with streams would enqueue it), in the order of one stream of compute: a call sees the
// effects of all calls before it. A collective runs beside compute from its start to its wait. What
// ran when is reported once per step, by the label of the call. Used by one thread.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/base/intervals.h"
#include "core/base/result.h"
#include "runtime/model/operators.h"

namespace caracal::executor {

// Memory on a device; owned by the pool it came from.
struct Tensor {
  float* data = nullptr;
  int64_t bytes = 0;
};

// Memory that a pool takes blocks from.
class Memory {
 public:
  virtual ~Memory() = default;
  virtual Result<float*> allocate(int64_t bytes) = 0;  // aligned for any operator
  virtual void release(float* data) noexcept = 0;

 protected:
  Memory() = default;
  Memory(const Memory&) = default;
  Memory& operator=(const Memory&) = default;
};

// Names a call of this step in the timing report.
using Label = uint32_t;

enum class Direction : uint8_t { kForward, kBackward };

struct Launch {
  Label label = 0;
  Direction direction = Direction::kForward;
  model::Op op = model::Op::kLn1;
  int32_t layer = 0;
  int32_t step = 0;
  int32_t microBatch = 0;
  std::array<Tensor, 2> in{};  // forward: the operator's inputs; backward: model::backwardReads
  Tensor out{};                // forward only
};

// An all-reduce in the tensor-parallel group: of a tensor into another, or, without tensors, of the
// gradient that the backward before it made, in place.
struct Collective {
  Label label = 0;
  uint32_t number = 0;  // pairs start and wait inside the step
  Tensor in{}, out{};
};

// To or from a neighbouring stage: an activation, or, without a tensor, the gradient of one.
struct Exchange {
  Label label = 0;
  Direction direction = Direction::kForward;
  Tensor tensor{};
};

// Between device and host memory, of an offloaded tensor.
struct Copy {
  Label label = 0;
  Tensor from{}, to{};
};

struct Timing {
  Label label = 0;
  Span span;                // collectives: entry to end; transfers: the transfer
  int64_t transferNs = -1;  // collectives and transfers: the part on the link
  int64_t bytes = -1;       // what the call made or moved
  bool operator==(const Timing&) const = default;
};

class Device : public Memory {
 public:
  virtual Memory& host() = 0;  // where offloaded tensors go
  // Of the tensor that `op` makes; kEmbed also stands for what arrives from the stage before.
  virtual int64_t outputBytes(model::Op op) const = 0;
  // Parameters, gradients and optimizer state; gradients of activations and scratch.
  virtual int64_t staticBytes() const = 0;
  virtual int64_t workspaceBytes() const = 0;

  virtual Result<void> launch(const Launch& call) = 0;
  virtual Result<void> startCollective(const Collective& call) = 0;
  virtual Result<void> waitCollective(const Collective& call) = 0;  // as it was started
  virtual Result<void> copy(const Copy& call) = 0;
  virtual Result<void> send(const Exchange& call) = 0;
  virtual Result<void> receive(const Exchange& call) = 0;
  virtual Result<void> reduceGradients(Label label) = 0;  // over the data-parallel replicas
  virtual Result<void> updateWeights(Label label, int32_t step) = 0;

  virtual int64_t nowNs() const = 0;
  // Everything that finished since the last call, by label.
  virtual std::vector<Timing> takeTimings() = 0;
};

}  // namespace caracal::executor
