// The static memory that parameters take, and a model's parameters in all.
#pragma once

#include <cstdint>

#include "core/base/result.h"
#include "core/profile/model_structure.h"

namespace caracal::profile {

// fp32 weights and Adam's two moments: what a distributed optimizer spreads.
inline constexpr int kOptimizerBytesPerParameter = 12;

// Ranks that hold the same shared parameters, and the same experts.
int64_t replicasOfShared(const ModelDescription& model);
int64_t replicasOfExperts(const ModelDescription& model);

// Parameters, gradients and optimizer state on one rank (ModelDescription::staticBytesPerParameter,
// distributedOptimizer), rounded up to whole bytes.
int64_t staticBytes(const ModelDescription& model, const ParameterCount& parameters);

// Of the whole model, each counted once however many ranks hold it.
Result<int64_t> parameterCount(ModelDescription model);

}  // namespace caracal::profile
