// The parameters of one rank in the GPU's memory, at the offsets of model::ParameterLayout.
#pragma once

#include "runtime/cuda/check.h"
#include "runtime/cuda/kernels/adamw.h"
#include "runtime/model/parameters.h"

namespace caracal::cuda {

class Parameters {
 public:
  // Zeroes; `bf16`: with the rounded copy.
  static Result<Parameters> make(const model::ParameterLayout& layout, bool bf16, Queue& queue);
  static int64_t bytesFor(const model::ParameterLayout& layout, bool bf16);

  float* weight(const model::ParameterSpec& spec) const { return m_weights.data() + spec.offset; }
  float* gradient(const model::ParameterSpec& spec) const {
    return m_gradients.data() + spec.offset;
  }
  const __nv_bfloat16* copy(const model::ParameterSpec& spec) const {
    return m_copy.data() + spec.offset;
  }
  const model::ParameterLayout& layout() const { return m_layout; }

  void update(Queue& queue, const kernels::AdamwOptions& options, int32_t update);
  Result<void> download(Queue& queue, model::ParameterStore& host) const;
  Result<void> upload(Queue& queue, const model::ParameterStore& host);

 private:
  explicit Parameters(const model::ParameterLayout& layout) : m_layout(layout) {}

  model::ParameterLayout m_layout;
  DeviceArray<float> m_weights, m_gradients, m_moment1, m_moment2;
  DeviceArray<__nv_bfloat16> m_copy;
};

}  // namespace caracal::cuda
