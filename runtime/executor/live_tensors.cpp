#include "runtime/executor/live_tensors.h"

namespace caracal::executor {
namespace {

std::string describe(const plan::TensorRef& ref) {
  return fmt::format("tensor {} of layer {}, micro-batch {}", ref.op, ref.layer, ref.microBatch);
}

}  // namespace

LiveTensors::~LiveTensors() {
  for (const auto& [ref, tensor] : m_tensors) m_pool.giveBack(tensor);
}

Result<Tensor> LiveTensors::make(const plan::TensorRef& ref, int64_t bytes) {
  if (m_tensors.contains(ref)) {
    return fail(ErrorCode::kInvalidInput, "the program makes {} twice; make the plan again",
                describe(ref));
  }
  CARACAL_TRY(tensor, m_pool.take(bytes));
  m_tensors.emplace(ref, tensor);
  return tensor;
}

Result<Tensor> LiveTensors::find(const plan::TensorRef& ref) const {
  const auto found = m_tensors.find(ref);
  if (found == m_tensors.end()) {
    return fail(ErrorCode::kInvalidInput,
                "the program reads {}, which is not alive; make the plan again", describe(ref));
  }
  return found->second;
}

Result<void> LiveTensors::release(const plan::TensorRef& ref) {
  const auto found = m_tensors.find(ref);
  if (found == m_tensors.end()) {
    return fail(ErrorCode::kInvalidInput,
                "the program releases {}, which is not alive; make the plan again", describe(ref));
  }
  m_pool.giveBack(found->second);
  m_tensors.erase(found);
  return {};
}

}  // namespace caracal::executor
