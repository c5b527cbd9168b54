// ModelStructure: an operator table with a model's sizes put in: layer kinds and model ends with
// bytes, dependencies, windows and static memory, but without times; and beside each what it
// computes, moves and transfers, which the roofline turns into times.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/result.h"
#include "core/profile/layer_table.h"
#include "core/profile/model_description.h"

namespace caracal::profile {

struct Transfer {
  Pattern pattern = Pattern::kAllReduce;
  int64_t bytes = 0;
  int64_t ranks = 1;
  bool operator==(const Transfer&) const = default;
};

// One pass over an operator on one rank.
struct PassCost {
  int64_t flops = 0;
  int64_t movedBytes = 0;           // from and to device memory
  std::vector<Transfer> transfers;  // a collective's own; of others: nothing hides them
};

struct OperatorCost {
  PassCost forward, backward;
};

struct WindowCost {
  std::vector<Transfer> transfers;
  std::vector<int> beside;  // operators of the layer half of whose backward may run beside it
};

// Parameters on one rank: `shared` on every data- and context-parallel rank, `experts` spread over
// expert-parallel ranks among those and the tensor-parallel ones.
struct ParameterCount {
  int64_t shared = 0;
  int64_t experts = 0;
  bool operator==(const ParameterCount&) const = default;
};

struct LayerStructure {
  LayerKind kind;
  std::vector<OperatorCost> costs;  // aligned with kind.operators
  std::vector<WindowCost> windows;  // aligned with kind.windows
  ParameterCount parameters;
};

struct EndStructure {
  ModelEnd end;
  std::vector<OperatorCost> costs;
  ParameterCount parameters;
};

struct ModelStructure {
  std::vector<LayerStructure> kinds;  // those that some layer is of
  std::vector<uint32_t> layers;       // kind of each layer, first to last
  EndStructure first, last;
};

// The names that a table's expressions may use, for one model; docs/layer-tables.md explains them.
Sizes sizesOf(const ModelDescription& model);

// Puts the model into its own table (ModelDescription::table). REQUIRES validate(model). Fails with
// the table's file, part, operator and field where an expression has no exact value or the result
// is no valid layer.
Result<ModelStructure> structureOf(const ModelDescription& model);
Result<ModelStructure> structureOf(const ModelDescription& model, const LayerTable& table);

// With the ends of the model as caracal-run holds them: every tensor-parallel rank has the whole
// embedding and the whole head, two matrices also where one stage holds both. With sequence
// parallelism `embed` and `final_ln` make the rank's rows, which a collective `ag_head` gathers,
// and what it made is kept for the head.
Result<ModelStructure> structureWithWholeEnds(const ModelDescription& model);

}  // namespace caracal::profile
