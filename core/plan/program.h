// A Plan lowered to what each stage does, in order. The simulator replays a program with the profile's
// times, the runtime executes the same program with real operators: one order, one set of tensor
// lifetimes, so that predicted and measured runs cannot drift apart.
//
// Order inside a stage (1F1B): warm-up forwards, then forward/backward pairs, then cool-down backwards.
// Forward of a layer: its operators in order; a collective is Start, then the recomputations that its
// window hides (of the micro-batch whose backward comes next), then Wait.
// Backward of a layer: on-demand work of the MLP segment; MLP segment; `own.bwd.mlp` Start, its
// recomputations and the next layer's `prev.bwd.mlp` ones, Wait; on-demand work of the attention segment;
// attention segment; the attention all-reduce Start, the next layer's `prev.bwd.attn` work, Wait; then
// the layer below. Where a window does not exist (top layer of a stage: `prev.*`; the last N_s - 1
// micro-batches: `fwd.*`) its recomputations run on demand, the latter in the `pipe` wait before the
// gradient arrives.
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
  kRecvBackward,     // wait for the gradient from the stage after
  kSendBackward,
  kGradientReduce,   // data-parallel, end of step
  kOptimizer,
};

// Layers of the model ends in Item::layer.
inline constexpr int32_t kFirstEnd = -1;
inline constexpr int32_t kLastEnd = -2;
// Item::window of collectives that are nobody's window (a recomputation repeats them).
inline constexpr int8_t kRepeatedCollective = -2;

// A tensor: the output of operator `op` of `layer` for a micro-batch. op = -1: the stage's incoming
// activation (layer = its first layer), received or made by `embed`. A layer's input is the last operator's output of the layer before.
struct TensorRef {
  int32_t layer = 0;
  int16_t op = -1;
  int32_t microBatch = 0;
  bool operator==(const TensorRef&) const = default;
};

struct Item {
  Action action = Action::kForward;
  trace::Pass pass = trace::Pass::kForward;  // the pass that the item belongs to in the schedule
  int8_t window = -1;        // collectives: index into LayerKind::windows or kRepeatedCollective;
                             // recomputations: WindowId of their placement, -1 = on demand
  int16_t op = -1;           // index into the layer kind's (or model end's) operators
  int32_t layer = 0;         // global layer, or kFirstEnd / kLastEnd
  int32_t microBatch = 0;    // of the tensor worked on
  int32_t passMicroBatch = 0;  // of the pass during which it runs (differs for fwd.* recomputations)
  uint32_t collective = 0;   // pairs Start with Wait inside a stage
  uint32_t releaseBegin = 0;  // [releaseBegin, releaseEnd) of StageProgram::releases: dead after this item
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

// Bytes a tensor takes while alive: liveBytes() from the item that makes it until its forward pass over
// the layer ends, retainedBytes() after that when it is retained.
// REQUIRES validate(profile, plan). Fails with kUnsupported for schedules other than 1F1B.
Result<Program> lower(const profile::Profile& profile, const Plan& plan);

}  // namespace caracal::plan
