#include "runtime/cuda/parameters.h"

namespace caracal::cuda {
namespace {

constexpr int64_t kFp32Arrays = 4;  // weights, gradients and two moments

}  // namespace

int64_t Parameters::bytesFor(const model::ParameterLayout& layout, bool bf16) {
  const auto each = static_cast<int64_t>(kFp32Arrays * sizeof(float) +
                                         (bf16 ? sizeof(__nv_bfloat16) : size_t{0}));
  return layout.count() * each;
}

Result<Parameters> Parameters::make(const model::ParameterLayout& layout, bool bf16, Queue& queue) {
  Parameters parameters(layout);
  for (DeviceArray<float>* array : {&parameters.m_weights, &parameters.m_gradients,
                                    &parameters.m_moment1, &parameters.m_moment2}) {
    CARACAL_TRY(made, DeviceArray<float>::make(layout.count()));
    *array = std::move(made);
    queue.note("cudaMemsetAsync", cudaMemsetAsync(array->data(), 0, array->bytes(), queue.stream));
  }
  CARACAL_TRY(copy, DeviceArray<__nv_bfloat16>::make(bf16 ? layout.count() : 0));
  parameters.m_copy = std::move(copy);
  return parameters;
}

void Parameters::update(Queue& queue, const kernels::AdamwOptions& options, int32_t update) {
  for (const model::ParameterSpec& spec : m_layout.specs()) {
    kernels::AdamwOptions own = options;
    if (!spec.decays) own.weightDecay = 0;
    const AdamwArrays arrays{m_gradients.data() + spec.offset, m_weights.data() + spec.offset,
                             m_moment1.data() + spec.offset, m_moment2.data() + spec.offset,
                             m_copy.data() == nullptr ? nullptr : m_copy.data() + spec.offset};
    adamw(queue, own, update, spec.count(), arrays);
  }
}

Result<void> Parameters::download(Queue& queue, model::ParameterStore& host) const {
  const auto copy = [&](float* to, const DeviceArray<float>& from) {
    queue.note("cudaMemcpyAsync", cudaMemcpyAsync(to, from.data(), from.bytes(),
                                                  cudaMemcpyDeviceToHost, queue.stream));
  };
  copy(host.weights().data(), m_weights);
  copy(host.moments1().data(), m_moment1);
  copy(host.moments2().data(), m_moment2);
  CARACAL_CHECK_OK(check(queue));
  return check(cudaStreamSynchronize(queue.stream), "copying parameters to the host");
}

Result<void> Parameters::upload(Queue& queue, const model::ParameterStore& host) {
  const auto copy = [&](const DeviceArray<float>& to, const float* from) {
    queue.note("cudaMemcpyAsync",
               cudaMemcpyAsync(to.data(), from, to.bytes(), cudaMemcpyHostToDevice, queue.stream));
  };
  copy(m_weights, host.weights().data());
  copy(m_moment1, host.moments1().data());
  copy(m_moment2, host.moments2().data());
  if (m_copy.count() > 0) copyToBf16(queue, m_copy.count(), m_weights.data(), m_copy.data());
  CARACAL_CHECK_OK(check(queue));
  return check(cudaStreamSynchronize(queue.stream), "copying parameters to the GPU");
}

}  // namespace caracal::cuda
