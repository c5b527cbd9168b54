// Mean cross-entropy of next-token prediction, in nats.
// logits, probabilities, dlogits (tokens, vocabulary); targets (tokens).
#pragma once

#include <cstdint>
#include <span>

namespace caracal::kernels {

// Writes softmax(logits), which is all that backward needs, and returns the mean loss.
double crossEntropyForward(int64_t vocabulary, const float* logits,
                           std::span<const uint8_t> targets, float* probabilities);
// dlogits = scale * (probabilities - onehot(target)) / tokens. `scale` averages over micro-batches.
void crossEntropyBackward(int64_t vocabulary, const float* probabilities,
                          std::span<const uint8_t> targets, float scale, float* dlogits);

}  // namespace caracal::kernels
