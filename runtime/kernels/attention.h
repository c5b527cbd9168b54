// Causal self-attention, operator by operator, for the heads one tensor-parallel rank holds.
//
// qkv   (batch, sequence, 3, heads, headWidth)   row stride 3 * heads * headWidth
// scores, probabilities (batch, heads, sequence, sequence); entries right of the diagonal are 0
// context (batch, sequence, heads, headWidth)
#pragma once

#include <cstdint>

namespace caracal::kernels {

struct AttentionShape {
  int64_t batch = 0, sequence = 0, heads = 0, headWidth = 0;
};

// scores = q k^T / sqrt(headWidth), all entries; the mask is softmax's.
void scoresForward(AttentionShape shape, const float* qkv, float* scores);
// Writes the q and k parts of dqkv.
void scoresBackward(AttentionShape shape, const float* qkv, const float* dscores, float* dqkv);

void causalSoftmaxForward(AttentionShape shape, const float* scores, float* probabilities);
// In place: dprobabilities becomes the gradient of the scores. Reads the forward result, not the
// scores.
void causalSoftmaxBackward(AttentionShape shape, const float* probabilities, float* gradient);

// context = probabilities v.
void contextForward(AttentionShape shape, const float* probabilities, const float* qkv,
                    float* context);
// dprobabilities = dcontext v^T; writes the v part of dqkv.
void contextBackward(AttentionShape shape, const float* probabilities, const float* qkv,
                     const float* dcontext, float* dprobabilities, float* dqkv);

}  // namespace caracal::kernels
