// Mean cross-entropy of next-token prediction; see runtime/kernels/cross_entropy.h.
// logits, dlogits (tokens, vocabulary) in T; probabilities (tokens, vocabulary) in fp32; targets
// (tokens), on the device.
#pragma once

#include "runtime/cuda/kernels/queue.h"

namespace caracal::cuda {

struct CrossEntropyShape {
  int64_t tokens = 0, vocabulary = 0;
};

// Writes softmax(logits) and adds the mean loss to *lossSum. rowLosses: scratch (tokens).
template <class T>
void crossEntropyForward(Queue& queue, CrossEntropyShape shape, const T* logits,
                         const uint8_t* targets, float* rowLosses, float* probabilities,
                         double* lossSum);
// dlogits = scale * (probabilities - onehot(target)) / tokens.
template <class T>
void crossEntropyBackward(Queue& queue, CrossEntropyShape shape, const float* probabilities,
                          const uint8_t* targets, float scale, T* dlogits);

}  // namespace caracal::cuda
