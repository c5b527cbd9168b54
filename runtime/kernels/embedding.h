// Token plus position embedding. tokens: all or some consecutive ones of (batch * sequence); table
// (vocabulary, hidden); positions (sequence, hidden); y, dy (tokens, hidden).
#pragma once

#include <cstdint>
#include <span>

namespace caracal::kernels {

struct EmbeddingShape {
  int64_t sequence = 0, hidden = 0;
  int64_t firstToken = 0;  // of (batch * sequence): what is given begins there
};

void embeddingForward(EmbeddingShape shape, std::span<const uint8_t> tokens, const float* table,
                      const float* positions, float* y);
// Adds to dtable and dpositions, token by token in order.
void embeddingBackward(EmbeddingShape shape, std::span<const uint8_t> tokens, const float* dy,
                       float* dtable, float* dpositions);

}  // namespace caracal::kernels
