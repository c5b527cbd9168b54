// One layer's placements as people set them today, with Megatron-LM's meaning where it has one
// (megatron/core/recompute.py, transformer_layer.py). Each is aligned with LayerKind::operators.
#pragma once

#include <vector>

#include "core/plan/plan.h"

namespace caracal::plan {

// What backward reads is retained, the rest discarded.
std::vector<Placement> keepAllPlacements(const profile::LayerKind& kind);

// The whole forward runs again from the layer's input, collectives included.
std::vector<Placement> fullPlacements(const profile::LayerKind& kind);

// Whether the attention core is operators of its own: not so with fused attention.
bool hasAttentionCore(const profile::LayerKind& kind);

// Scores, softmax and their dropout are rebuilt on demand; the core's result is retained. With
// fused attention, which has no such tensors, the result itself is rebuilt.
std::vector<Placement> withoutAttentionCore(const profile::LayerKind& kind);

// Megatron-LM's selective recomputation of core_attn: the core is checkpointed as one function, so
// its result, which the output projection retains, is computed again too.
std::vector<Placement> selectivePlacements(const profile::LayerKind& kind);

}  // namespace caracal::plan
