// The factors that dropout multiplies by, the same bits as the CPU's (runtime/kernels/dropout.h):
// element i of the whole tensor takes word i % 4 of Philox block i / 4. Included by .cu files only.
#pragma once

#include "runtime/cuda/kernels/device_math.h"
#include "runtime/kernels/dropout.h"
#include "runtime/kernels/philox.h"

namespace caracal::cuda {

struct DropoutMask {
  kernels::DropoutSite site;
  float scale = 1;
  uint32_t threshold = 0;

  // Of elements 4 `group` to 4 `group` + 3.
  __device__ __forceinline__ void factorsOf(int64_t group, float (&factors)[4]) const {
    const kernels::PhiloxBlock words = wordsOf(group);
    for (int i = 0; i < 4; ++i) factors[i] = words[i] < threshold ? 0.0F : scale;
  }
  __device__ __forceinline__ float factorOf(int64_t element) const {
    return wordsOf(element / 4)[element % 4] < threshold ? 0.0F : scale;
  }

 private:
  __device__ __forceinline__ kernels::PhiloxBlock wordsOf(int64_t group) const {
    return kernels::philox({static_cast<uint32_t>(group), site.place, site.step, site.sample},
                           site.seed);
  }
};

inline DropoutMask maskOf(const kernels::DropoutSite& site) {
  return {site, kernels::dropoutScale(site), kernels::dropoutThreshold(site)};
}

}  // namespace caracal::cuda
