#include "runtime/kernels/adamw.h"

#include <algorithm>
#include <cmath>

namespace caracal::kernels {

AdamwStep adamwStep(const AdamwOptions& options, int32_t update) {
  const float warmup = std::min(
      1.0F, static_cast<float>(update) / static_cast<float>(std::max(1, options.warmupUpdates)));
  return {1.0F / (1.0F - std::pow(options.beta1, static_cast<float>(update))),
          1.0F / (1.0F - std::pow(options.beta2, static_cast<float>(update))),
          options.learningRate * warmup};
}

void adamw(const AdamwOptions& options, int32_t update, int64_t count, const float* gradient,
           float* weight, float* moment1, float* moment2) {
  const AdamwStep step = adamwStep(options, update);
  for (int64_t i = 0; i < count; ++i) {
    moment1[i] = options.beta1 * moment1[i] + (1.0F - options.beta1) * gradient[i];
    moment2[i] = options.beta2 * moment2[i] + (1.0F - options.beta2) * gradient[i] * gradient[i];
    const float direction = moment1[i] * step.correction1 /
                            (std::sqrt(moment2[i] * step.correction2) + options.epsilon);
    weight[i] -= step.rate * (direction + options.weightDecay * weight[i]);
  }
}

}  // namespace caracal::kernels
