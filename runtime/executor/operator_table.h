// The operators of a program by index: which of the backend's operators each is, and which tensors
// it reads. Looked up once per run, so that executing an item is arithmetic on indices.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/result.h"
#include "core/plan/program.h"
#include "core/profile/profile.h"
#include "runtime/comm/link.h"
#include "runtime/model/operators.h"

namespace caracal::executor {

// Among the tensors an operator reads: the input of its layer.
inline constexpr int16_t kLayerInput = -1;
inline constexpr int16_t kNone = -2;

struct OperatorEntry {
  model::Op op = model::Op::kLn1;
  std::vector<int16_t> inputs;         // operators of the same layer, or kLayerInput
  std::vector<int16_t> backwardReads;  // likewise
};

class OperatorTable {
 public:
  // Fails for operators that this backend does not know, by name.
  static Result<OperatorTable> of(const profile::Profile& profile);

  // `layer` as in Item::layer.
  const OperatorEntry& entry(int32_t layer, int16_t op) const {
    return operatorsOf(layer)[static_cast<size_t>(op)];
  }
  int16_t lastOperator(int32_t layer) const {
    return static_cast<int16_t>(operatorsOf(layer).size() - 1);
  }
  // What the group does in a kCollectiveStart or kCollectiveWait.
  comm::Pattern pattern(const plan::Item& item) const;
  // The tensor that a collective of backward gathers once more, for the gradient of the weights
  // that read it; kNone where it moves a gradient.
  int16_t gatheredAgain(const plan::Item& item) const;

 private:
  const std::vector<OperatorEntry>& operatorsOf(int32_t layer) const {
    if (layer == plan::kFirstEnd) return m_first;
    return layer == plan::kLastEnd ? m_last : m_layer;
  }
  struct WindowEntry {  // of the layer's windows, in their order
    comm::Pattern pattern = comm::Pattern::kAllReduce;
    int16_t gatheredAgain = kNone;
  };
  std::vector<WindowEntry> windowsOf(const profile::LayerKind& kind) const;

  std::vector<WindowEntry> m_windows;
  std::vector<OperatorEntry> m_first, m_layer, m_last;
};

}  // namespace caracal::executor
