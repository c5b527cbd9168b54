// Lowers the passes of one stage of a plan (a chunk of the model), in whatever order a schedule
// asks for them; part of lower(). program.h says what a pass consists of.
#pragma once

#include <vector>

#include "core/plan/layer_work.h"
#include "core/plan/program.h"
#include "core/plan/recompute_slots.h"
#include "core/plan/stage_shape.h"

namespace caracal::plan {

// Where the `fwd.*` recomputations of a micro-batch ran.
enum class Hosted : uint8_t {
  kInForward,  // in the forward pass of another micro-batch
  kNowhere,    // no forward hosts them: they run with the backward pass
};

// Whether a pass starts the data-parallel reduction of each layer's gradients behind its backward.
enum class Reduce : uint8_t { kNothing, kEachLayer };

class PassLowering {
 public:
  // Appends to `program`; collectives are numbered through all chunks of it.
  PassLowering(const StageShape& shape, StageProgram& program, uint32_t& collectives)
      : m_shape(shape), m_program(program), m_collectives(collectives) {}

  // Finds the place of every recomputation. Must succeed before anything else is called.
  Result<void> resolve();

  // `hosted`: the micro-batch whose `fwd.*` recomputations this pass hides; -1: none.
  void forward(int32_t microBatch, int32_t hosted);
  // `split`: input gradients only.
  void backward(int32_t microBatch, Hosted hosted, bool split, Reduce reduce);
  void weightGradients(int32_t microBatch, Reduce reduce);

 private:
  size_t local(int32_t layer) const { return static_cast<size_t>(layer - m_shape.firstLayer()); }

  Item& add(Action action, int32_t layer, int16_t op, int32_t microBatch);
  void addEach(Action action, int32_t layer, const std::vector<int16_t>& tensors);
  uint32_t startCollective(int32_t layer, int16_t op, int32_t microBatch, int8_t window);
  void waitCollective(int32_t layer, int16_t op, int32_t microBatch, int8_t window,
                      uint32_t collective);
  // What runs beside collective `host`; kAnyHost: all of the slot.
  static constexpr int8_t kAnyHost = -1;
  void recompute(int32_t layer, int32_t microBatch, Slot slot, int8_t host = kAnyHost);

  void forwardEnd(int32_t end, int32_t microBatch);
  void forwardLayer(int32_t layer, int32_t microBatch);
  void forwardOperator(int32_t layer, int16_t op, int32_t microBatch);
  void fillForwardWindow(int32_t layer, int8_t window);
  void backwardEnd(int32_t end, int32_t microBatch);
  void backwardLayer(int32_t layer, int32_t microBatch);
  // Behind an operator's backward: the collective, and what is recomputed beside it.
  void backwardCollective(int32_t layer, int8_t window, int32_t microBatch);
  bool runsWithWeights(int32_t layer, int8_t window) const;
  void weightsOf(int32_t layer, int32_t microBatch);
  void reduceGradients(int32_t layer);

  const StageShape& m_shape;
  StageProgram& m_program;
  uint32_t& m_collectives;

  std::vector<LayerWork> m_layers;  // of the stage, bottom first
  // The pass that is being written.
  trace::Pass m_pass = trace::Pass::kForward;
  int32_t m_passMicroBatch = 0;
  int32_t m_hostedMicroBatch = -1;
  Hosted m_hosted = Hosted::kNowhere;
  bool m_split = false;
  Reduce m_reduce = Reduce::kNothing;
};

}  // namespace caracal::plan
