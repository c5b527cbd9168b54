// What the data-parallel replicas of a rank exchange: gradients in buckets, and with a distributed
// optimizer the weights that each has updated a part of. Of the CPU backend.
//
// Messages are put together beside the pool, as all messages in flight are.
#pragma once

#include <span>
#include <vector>

#include "runtime/model/parameters.h"

namespace caracal::executor {

// The numbers of a bucket as one message, and back. `values`: of all parameters.
std::vector<float> messageOf(const model::Bucket& bucket, std::span<const float> values);
void spread(std::span<const float> message, const model::Bucket& bucket, std::span<float> values);

// The part of a bucket that a replica owns, from and to where owned() says it is; `bucket` is an
// index of buckets().
std::vector<float> ownedPart(const model::ParameterStore& parameters, size_t bucket,
                             std::span<const float> values);
void spreadOwned(std::span<const float> part, const model::ParameterStore& parameters,
                 size_t bucket, std::span<float> values);

// The gradients that each tensor-parallel rank has summed over its own rows, and back.
std::vector<float> rowGradients(model::ParameterStore& parameters);
void spreadRowGradients(std::span<const float> message, model::ParameterStore& parameters);

}  // namespace caracal::executor
