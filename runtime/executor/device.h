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
#include "runtime/comm/link.h"
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

// Which work of an operator: its forward, its backward, or one of the two parts that schedules with
// weight-gradient passes cut a backward into.
enum class Work : uint8_t { kForward, kBackward, kInputGradient, kWeightGradient };

struct Launch {
  Label label = 0;
  Work work = Work::kForward;
  model::Op op = model::Op::kLn1;
  int32_t layer = 0;
  int32_t step = 0;
  int32_t microBatch = 0;
  bool recompute = false;  // a forward that ran before; may yield to communication beside it
  // Forward: the operator's inputs. Backward and weight gradient: model::backwardReads.
  std::array<Tensor, 2> in{};
  // Forward: the operator's output. The gradient of that output, which an input gradient leaves
  // for the weight gradient.
  Tensor out{};
};

// A collective of the tensor-parallel group: of a tensor into another; without tensors of the
// gradient that the backward before it made, in place; with `in` alone into the buffer that the
// next product's weight gradient reads its input from.
struct Collective {
  Label label = 0;
  uint32_t number = 0;  // pairs start and wait inside the step
  comm::Pattern pattern = comm::Pattern::kAllReduce;
  Tensor in{}, out{};
};

// To or from another position of the pipeline: an activation, or, without a tensor, the gradient
// that backward passes down.
struct Exchange {
  Label label = 0;
  int32_t peer = 0;   // the position
  int32_t chunk = 0;  // of the model, that it goes to
  int32_t microBatch = 0;
  Tensor tensor{};
};

// Where backward of a chunk of the model on this device continues that of the chunk above it, which
// is here as well.
struct HandOver {
  int32_t chunk = 0;  // that it goes to
  int32_t microBatch = 0;
};

// Between device and host memory, of an offloaded tensor.
struct Copy {
  Label label = 0;
  Tensor from{}, to{};
};

// Which part of a call a timing is of: the update of the weights may move data too.
enum class Part : uint8_t {
  kWork,
  kRowSums,          // gradients that tensor-parallel ranks made of their rows each, summed
  kParameterGather,  // weights that data-parallel ranks updated a part of each, gathered
};

struct Timing {
  Label label = 0;
  Span span;                // collectives: entry to end; transfers: the transfer
  int64_t transferNs = -1;  // collectives and transfers: the part on the link, as it was
  int64_t bytes = -1;       // what the call made or moved; a collective: of the whole tensor
  // On the wall clock, of an emulated link that somebody waited for: how long it should have taken.
  int64_t askedNs = -1;
  Part part = Part::kWork;
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
  // The gradient that backward passes down: put aside for a chunk of this device, and taken up
  // again.
  virtual Result<void> putAside(const HandOver& call) = 0;
  virtual Result<void> takeUp(const HandOver& call) = 0;
  // Over the data-parallel replicas: all gradients, or, beside compute until waitReductions(),
  // those of a layer (or plan::kFirstEnd, plan::kLastEnd).
  virtual Result<void> reduceGradients(Label label) = 0;
  virtual Result<void> startReduction(Label label, int32_t layer) = 0;
  virtual Result<void> waitReductions() = 0;
  virtual Result<void> updateWeights(Label label, int32_t step) = 0;

  virtual int64_t nowNs() const = 0;
  // Everything that finished since the last call, by label.
  virtual std::vector<Timing> takeTimings() = 0;
};

}  // namespace caracal::executor
