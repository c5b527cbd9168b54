#include "core/profile/parameters.h"

#include <cmath>

namespace caracal::profile {
namespace {

int64_t staticBytesOf(const ModelDescription& model, int64_t parameters, int64_t replicas) {
  const auto count = static_cast<double>(parameters);
  if (!model.distributedOptimizer) return std::llround(count * model.staticBytesPerParameter);
  const int64_t spread = kOptimizerBytesPerParameter * parameters;
  return std::llround(count * (model.staticBytesPerParameter - kOptimizerBytesPerParameter)) +
         (spread + replicas - 1) / replicas;
}

int64_t sum(const ParameterCount& parameters) {
  return parameters.shared + parameters.experts;
}

}  // namespace

int64_t replicasOfShared(const ModelDescription& model) {
  return model.parallel.gradientReplicas();
}

int64_t replicasOfExperts(const ModelDescription& model) {
  return int64_t{model.parallel.tensor} * model.parallel.gradientReplicas() /
         model.architecture.expertParallel;
}

int64_t staticBytes(const ModelDescription& model, const ParameterCount& parameters) {
  return staticBytesOf(model, parameters.shared, replicasOfShared(model)) +
         staticBytesOf(model, parameters.experts, replicasOfExperts(model));
}

Result<int64_t> parameterCount(ModelDescription model) {
  model.parallel = {};
  model.architecture.expertParallel = 1;
  CARACAL_TRY(structure, structureOf(model));
  int64_t total = sum(structure.first.parameters) + sum(structure.last.parameters);
  for (const uint32_t kind : structure.layers) total += sum(structure.kinds[kind].parameters);
  return total;
}

}  // namespace caracal::profile
