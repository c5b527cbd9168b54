// A Plan lowered to what each device of the pipeline does, in order. The simulator replays a
// program with the profile's times, the runtime executes the same program with real operators: one
// order, one set of tensor lifetimes, so that predicted and measured runs cannot drift apart.
//
// The passes of a device follow its schedule's order (schedule.h; in 1F1B: N_s - 1 warm-up
// forwards, then forward/backward pairs, then N_s - 1 cool-down backwards), then come
// kGradientReduce (when dp > 1; kReduceWait where the job reduces in backward) and kOptimizer. A
// device holds one chunk of the model in most schedules; where it holds several, "stage" below
// means one chunk, and a stage whose neighbour is on the same device neither sends to it nor
// receives from it.
//
// Forward of micro-batch q: kRecvForward (first stage: the operators of kFirstEnd), the layers,
// then kSendForward (last stage: the operators of kLastEnd). A layer runs its operators in order; a
// collective is Start, the recomputations that its window hides, Wait. Those are of the micro-batch
// whose backward comes next on this stage, if no other forward of the stage comes before it
// (hostedMicroBatches(); in 1F1B micro-batch q - N_s + 1, when N_s > 1 and q >= N_s - 1).
//
// Backward of micro-batch m: its `pipe` recomputations, top layer first, so that they fill the
// wait; then kRecvBackward (last stage: kLastEnd in reverse); the layers from the top;
// kSendBackward (first stage: kFirstEnd in reverse). A layer runs: on-demand work of the MLP
// segment; the MLP segment in reverse; the bwd.mlp collective: Start, its own `own.bwd.mlp`
// recomputations, the `prev.bwd.mlp` ones of the layer below, Wait; on-demand work of the attention
// segment; the attention segment in reverse, and in it, after its operator, bwd.attn: Start,
// `prev.bwd.attn` recomputations of the layer below, Wait. Recomputations of one place run in
// forward order. Every operator but a collective has one kBackward.
//
// Schedules with weight-gradient passes split backward: kBackward then makes the input gradient
// only (Item::split), and a pass of its own runs kWeightGradient of every operator that has
// weights, from the top. With sequence parallelism that pass also gathers the rows that a product
// read (windows `bwd.regather.*`), beside the weight gradient before the product's; what a plan
// places beside these gathers runs where they would be in backward, exposed.
//
// In a job that reduces gradients in backward, the last pass of a chunk that makes weight gradients
// has a kReduceStart behind each layer and end of the model. Reductions run one after the other on
// the device's data-parallel stream, beside everything else.
//
// Offloaded tensors of a layer are copied out (kOffloadStart, on the device's copy-out stream) when
// the layer's forward has ended and waited for (kOffloadWait, which frees them) when the forward of
// the layer above has; the top layer's at the end of the pass, after its send. They are copied back
// (kFetchStart, on the copy-in stream, which takes their memory) when the backward of the layer
// above starts, the top layer's before anything else in the pass, and waited for (kFetchWait)
// before the first segment of their layer whose backward or recomputations read them. Copies of one
// stream run one after the other and are waited for in the same order.
//
// Where a window does not exist its recomputations move (recompute_slots.h): `prev.*` of a stage's
// top layer run on demand, `fwd.*` of micro-batches that no forward hosts (in 1F1B the last N_s -
// 1) in `pipe`, and `pipe` on stages that wait for no gradient (the last one) on demand. A
// recompute unit (layers whose keepsInput is false and the layer they start from) is rebuilt whole
// at the start of the backward of its top layer. A recomputed collective is Start and Wait back to
// back with window kRepeatedCollective.
//
// Tensor lifetimes: kForward, kRecompute and kCollectiveStart of an operator make its tensor;
// kRecvForward (first stage: the last item of kFirstEnd) makes the incoming activation. A tensor is
// released after the last item that reads it, or after the item that made it when none does; one
// that is made twice (forward and recomputed) has two lives. A placement kRepeated makes nothing:
// its kRecompute writes the kept tensor once more, and counts as a reader of it. Readers: kForward
// and kRecompute read the operator's inputs; kCollectiveStart and Wait of an operator its inputs,
// and Wait also its output; kOffloadStart, kOffloadWait and kFetchWait their tensor, which
// kFetchStart makes again; kBackward reads the tensors saved for the operator and, in every
// operator of a layer or of kLastEnd, the layer's input (the checkpoint lives until the layer's
// backward is done); kSendForward reads the stage's last output. In a split backward, kBackward of
// an operator with weights reads no saved tensor and makes the operator's output gradient
// (gradientOf()), and its kWeightGradient reads that, the saved tensors, and the layer's input
// where that is the operator's. So a retained tensor lives until its last backward reader or the
// last recomputation that starts from it. Other gradients are not tensors of a program;
// Memory::workspaceBytes accounts for them.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/result.h"
#include "core/plan/plan.h"
#include "core/plan/schedule.h"
#include "core/profile/profile.h"

namespace caracal::plan {

enum class Action : uint8_t {
  kForward,          // an operator's forward
  kBackward,         // an operator's backward
  kRecompute,        // an operator's forward again
  kCollectiveStart,  // enqueue on the communication stream; does not block compute
  kCollectiveWait,   // compute waits for the Start of the same `collective` number
  kRecvForward,      // wait for the activation of `microBatch` from the stage before
  kSendForward,
  kRecvBackward,  // wait for the gradient from the stage after
  kSendBackward,
  kGradientReduce,  // data-parallel, end of step
  kOptimizer,
  kWeightGradient,  // the part of an operator's backward that a split backward leaves out
  kReduceStart,     // data-parallel, of one layer's gradients; does not block compute
  kReduceWait,      // end of step: until every reduction that was started is done
  kOffloadStart,    // copy of a tensor to host memory; does not block compute
  kOffloadWait,     // compute waits for it
  kFetchStart,      // copy of a tensor back from host memory; does not block compute
  kFetchWait,       // compute waits for it
};

// Layers of the model ends in Item::layer.
inline constexpr int32_t kFirstEnd = -1;
inline constexpr int32_t kLastEnd = -2;
// Item::window of collectives that are nobody's window (a recomputation repeats them).
inline constexpr int8_t kRepeatedCollective = -2;

// A tensor: the output of operator `op` of `layer` for a micro-batch. op = -1: the stage's incoming
// activation (layer = its first layer), received or made by `embed`. A layer's input is the last
// operator's output of the layer before. The last operator of kFirstEnd makes two tensors: the
// incoming activation and, only if it saves something, {kFirstEnd, op}: what it saves.
// gradientOf(op): the gradient of that output, between a split backward and its weight gradient.
struct TensorRef {
  int32_t layer = 0;
  int16_t op = -1;
  int32_t microBatch = 0;
  bool operator==(const TensorRef&) const = default;
};

constexpr int16_t gradientOf(int16_t op) {
  return static_cast<int16_t>(-2 - op);
}
constexpr bool isGradient(const TensorRef& tensor) {
  return tensor.op < -1;
}
constexpr int16_t operatorOfGradient(const TensorRef& tensor) {
  return static_cast<int16_t>(-2 - tensor.op);
}

struct Item {
  Action action = Action::kForward;
  trace::Pass pass = trace::Pass::kForward;  // the pass that the item belongs to in the schedule
  int8_t window = -1;  // collectives: index into LayerKind::windows or kRepeatedCollective;
                       // recomputations: WindowId they really run in, -1 = on demand
  bool split = false;  // of a backward pass whose weight gradients are a pass of their own
  int16_t op = -1;     // index into the layer kind's (or model end's) operators; -1: collectives of
                       // backward, transfers, kOptimizer, and kForward of an empty kFirstEnd
  int16_t chunk = -1;  // index into Plan::stages; -1: end of the step
  int32_t layer = 0;   // global layer, or kFirstEnd / kLastEnd
  int32_t microBatch = 0;  // of the tensor worked on
  int32_t passMicroBatch =
      0;                    // of the pass during which it runs (differs for fwd.* recomputations)
  uint32_t collective = 0;  // pairs Start with Wait inside a stage
  uint32_t releaseBegin =
      0;  // [releaseBegin, releaseEnd) of StageProgram::releases: dead after this item
  uint32_t releaseEnd = 0;
};

// A chunk of the model on a device, and the devices that its neighbours run on: the same one, or
// -1 at the ends of the model.
struct HeldChunk {
  int32_t chunk = 0;
  int32_t before = -1;
  int32_t after = -1;
  int32_t inFlight = 1;  // N_s: micro-batches between forward and backward at once
  int32_t hosted = 0;    // micro-batches whose `fwd.*` recomputations another one's forward hides
  bool operator==(const HeldChunk&) const = default;
};

// What one device of the pipeline does.
struct StageProgram {
  int32_t stage = 0;              // the device
  int32_t inFlight = 1;           // N_s, summed over chunks
  std::vector<HeldChunk> chunks;  // in model order
  bool splitBackward = false;     // weight gradients are passes of their own
  std::vector<Item> items;
  std::vector<TensorRef> releases;
};

struct Program {
  std::vector<StageProgram> stages;
};

// A device's program without items: which chunks it holds, and their neighbours.
StageProgram emptyProgram(const Schedule& schedule, int32_t device);

// Bytes a tensor takes while alive (tensor_bytes.h): liveBytes() from the item that makes it until
// the forward pass over its layer ends, retainedBytes() after that; liveBytes() throughout when
// rebuilt; retainedBytes() when copied back from the host; a gradient takes outputBytes. REQUIRES
// validate(profile, plan). Fails with kInvalidInput when the schedule cannot run these sizes, when
// a recomputation would come after the backward that reads it, and when the program would be longer
// than any real job's.
Result<Program> lower(const profile::Profile& profile, const Plan& plan);

// A step has at least this many items: every operator's forward and backward.
int64_t leastItems(const profile::Profile& profile);

}  // namespace caracal::plan
