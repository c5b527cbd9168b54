// AdamW (Loshchilov and Hutter, arXiv 1711.05101) with bias-corrected moments.
#pragma once

#include <cstdint>

namespace caracal::kernels {

struct AdamwOptions {
  float learningRate = 1e-3F;
  // The rate grows linearly over the first updates, while the second moment is still an average of
  // few gradients and steps would be too long.
  int32_t warmupUpdates = 10;
  float beta1 = 0.9F;
  float beta2 = 0.95F;
  float epsilon = 1e-8F;
  float weightDecay = 0.1F;
};

// What update number `update`, counted from 1, does with all parameters alike.
struct AdamwStep {
  float correction1 = 1, correction2 = 1;  // of the moments, which start at zero
  float rate = 0;
};
AdamwStep adamwStep(const AdamwOptions& options, int32_t update);

// One update of `count` parameters; `update` counts from 1. The gradient is left as it is.
void adamw(const AdamwOptions& options, int32_t update, int64_t count, const float* gradient,
           float* weight, float* moment1, float* moment2);

}  // namespace caracal::kernels
