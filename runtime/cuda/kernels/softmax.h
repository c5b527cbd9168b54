// The softmax of unfused causal attention; see runtime/kernels/attention.h. All (batch, heads,
// sequence, sequence) in T.
#pragma once

#include "runtime/cuda/kernels/queue.h"
#include "runtime/kernels/attention.h"

namespace caracal::cuda {

using kernels::AttentionShape;

template <class T>
void causalSoftmaxForward(Queue& queue, AttentionShape shape, const T* scores, T* probabilities);
// In place: dprobabilities becomes the gradient of the scores.
template <class T>
void causalSoftmaxBackward(Queue& queue, AttentionShape shape, const T* probabilities, T* gradient);

}  // namespace caracal::cuda
