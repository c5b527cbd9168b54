#include "runtime/kernels/embedding.h"

namespace caracal::kernels {
namespace {

int64_t positionOf(const EmbeddingShape& shape, size_t token) {
  return (shape.firstToken + static_cast<int64_t>(token)) % shape.sequence;
}

}  // namespace

void embeddingForward(EmbeddingShape shape, std::span<const uint8_t> tokens, const float* table,
                      const float* positions, float* y) {
  for (size_t t = 0; t < tokens.size(); ++t) {
    const float* token = table + tokens[t] * shape.hidden;
    const float* position = positions + positionOf(shape, t) * shape.hidden;
    float* out = y + static_cast<int64_t>(t) * shape.hidden;
    for (int64_t i = 0; i < shape.hidden; ++i) out[i] = token[i] + position[i];
  }
}

void embeddingBackward(EmbeddingShape shape, std::span<const uint8_t> tokens, const float* dy,
                       float* dtable, float* dpositions) {
  for (size_t t = 0; t < tokens.size(); ++t) {
    float* token = dtable + tokens[t] * shape.hidden;
    float* position = dpositions + positionOf(shape, t) * shape.hidden;
    const float* grad = dy + static_cast<int64_t>(t) * shape.hidden;
    for (int64_t i = 0; i < shape.hidden; ++i) {
      token[i] += grad[i];
      position[i] += grad[i];
    }
  }
}

}  // namespace caracal::kernels
