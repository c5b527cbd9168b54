// Gradients of activations of one rank. Backward walks the layers one by one, so one set serves
// all: each is written by one operator's backward and read by the next. They live for the whole run
// and are what a rank's `workspaceBytes` counts.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/model/shape.h"

namespace caracal::model {

struct Workspace {
  Workspace(const RankShape& shape, bool holdsHead);

  std::vector<float> stream;         // (rows, hidden): gradient of the residual stream
  std::vector<float> branch;         // (tokens, hidden): of what enters or leaves attention or MLP
  std::vector<float> gathered;       // (tokens, hidden): a product's input again, for the gradient
                                     // of its weights; with sequence parallelism only
  std::vector<float> ffn;            // (tokens, ffn / t)
  std::vector<float> context;        // (tokens, hidden / t)
  std::vector<float> qkv;            // (tokens, 3 hidden / t)
  std::vector<float> probabilities;  // (batch, heads / t, sequence, sequence)
  std::vector<float> logits;         // (tokens, vocabulary); last stage only

  static int64_t bytesFor(const RankShape& shape, bool holdsHead);
};

}  // namespace caracal::model
