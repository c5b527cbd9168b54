// A Plan lowered to what each stage does, in order. The simulator replays a program with the
// profile's times, the runtime executes the same program with real operators: one order, one set of
// tensor lifetimes, so that predicted and measured runs cannot drift apart.
//
// Order inside a stage (1F1B): N_s - 1 warm-up forwards, then forward/backward pairs, then N_s - 1
// cool-down backwards, then kGradientReduce (when dp > 1) and kOptimizer.
//
// Forward of micro-batch q: kRecvForward (first stage: the operators of kFirstEnd), the layers,
// then kSendForward (last stage: the operators of kLastEnd). A layer runs its operators in order; a
// collective is Start, the recomputations that its window hides, Wait. Those are of micro-batch q -
// N_s + 1, whose backward comes next on this stage; they exist when N_s > 1 and q >= N_s - 1.
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
// Where a window does not exist its recomputations move (recompute_slots.h): `prev.*` of a stage's
// top layer run on demand, `fwd.*` of the last N_s - 1 micro-batches in `pipe`, and `pipe` on the
// last stage, where no gradient is waited for, on demand. A recompute unit (layers whose keepsInput
// is false and the layer they start from) is rebuilt whole at the start of the backward of its top
// layer. A recomputed collective is Start and Wait back to back with window kRepeatedCollective.
//
// Tensor lifetimes: kForward, kRecompute and kCollectiveStart of an operator make its tensor;
// kRecvForward (first stage: the last item of kFirstEnd) makes the incoming activation. A tensor is
// released after the last item that reads it, or after the item that made it when none does; one
// that is made twice (forward and recomputed) has two lives. Readers: kForward and kRecompute read
// the operator's inputs; kCollectiveStart and Wait of an operator its inputs, and Wait also its
// output; kBackward reads the tensors saved for the operator and, in every operator of a layer or
// of kLastEnd, the layer's input (the checkpoint lives until the layer's backward is done);
// kSendForward reads the stage's last output. So a retained tensor lives until its last backward
// reader or the last recomputation that starts from it. Gradients are not tensors of a program;
// Memory::workspaceBytes accounts for them.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/result.h"
#include "core/plan/plan.h"
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
struct TensorRef {
  int32_t layer = 0;
  int16_t op = -1;
  int32_t microBatch = 0;
  bool operator==(const TensorRef&) const = default;
};

struct Item {
  Action action = Action::kForward;
  trace::Pass pass = trace::Pass::kForward;  // the pass that the item belongs to in the schedule
  int8_t window = -1;  // collectives: index into LayerKind::windows or kRepeatedCollective;
                       // recomputations: WindowId they really run in, -1 = on demand
  int16_t op = -1;     // index into the layer kind's (or model end's) operators; -1: collectives of
                       // backward, transfers, kOptimizer, and kForward of an empty kFirstEnd
  int32_t layer = 0;   // global layer, or kFirstEnd / kLastEnd
  int32_t microBatch = 0;  // of the tensor worked on
  int32_t passMicroBatch =
      0;                    // of the pass during which it runs (differs for fwd.* recomputations)
  uint32_t collective = 0;  // pairs Start with Wait inside a stage
  uint32_t releaseBegin =
      0;  // [releaseBegin, releaseEnd) of StageProgram::releases: dead after this item
  uint32_t releaseEnd = 0;
};

struct StageProgram {
  int32_t stage = 0;
  int32_t inFlight = 1;  // N_s: micro-batches between forward and backward at once
  std::vector<Item> items;
  std::vector<TensorRef> releases;
};

struct Program {
  std::vector<StageProgram> stages;
};

// Bytes a tensor takes while alive (tensor_bytes.h): liveBytes() from the item that makes it until
// the forward pass over its layer ends, retainedBytes() after that; liveBytes() throughout when
// rebuilt. REQUIRES validate(profile, plan). Fails with kUnsupported for schedules other than 1F1B,
// and with kInvalidInput when a recomputation would come after the backward that reads it.
Result<Program> lower(const profile::Profile& profile, const Plan& plan);

}  // namespace caracal::plan
