// Parameter counts of a dense GPT on one rank, and the static memory they take.
#pragma once

#include <cstdint>

#include "core/profile/model_description.h"

namespace caracal::profile {

// Rows of the vocabulary on one tensor-parallel rank; the last rank's rows are padded.
int64_t vocabularyShard(const ModelDescription& model);

int64_t layerParameters(const ModelDescription& model);
int64_t firstParameters(const ModelDescription& model);  // word and position embeddings
// Final norm, and the head where it is not the embedding of the same stage: with one stage both
// share one matrix, with more the last stage holds a copy (Megatron-LM's tied embeddings).
int64_t lastParameters(const ModelDescription& model);

int64_t staticBytes(const ModelDescription& model, int64_t parameters);

}  // namespace caracal::profile
