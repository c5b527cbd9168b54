// The memory of a stage at every moment at which it can be highest, as linear sums over HEU's
// columns (heu_columns.h). Written from the order of passes and the lifetimes of tensors in
// core/plan/program.h; shares no code with the planner's timelines.
#pragma once

#include <vector>

#include "tests/core/planner/heu_columns.h"

namespace caracal::planner {

// Bytes right after an operator's tensor is made, in a forward pass, beside its collectives, in
// `pipe` and in a backward pass: of the first micro-batch with a next forward and of the first
// without, which see most others in flight. Between the stage's lowest two layers and its highest
// two memory changes by the same amount from layer to layer, so that the layers between never hold
// most. Whether two tensors' lives meet can take a product of binaries: those get columns of their
// own. REQUIRES one kind of layer, and collectives that are windows of a randomLayer().
std::vector<test::LinearSum> stageMoments(const StageModel& model, HeuColumns& columns);

}  // namespace caracal::planner
