// Facts of layer operators that forward and backward share: shapes and parameters.
#pragma once

#include <optional>

#include "runtime/kernels/attention.h"
#include "runtime/kernels/gemm.h"
#include "runtime/model/operators.h"
#include "runtime/model/parameters.h"

namespace caracal::model {

struct LinearOperator {
  kernels::LinearShape shape;
  LayerParameter weight;
  // proj and fc2 make partial sums; their biases are added once, after the all-reduce, by the
  // residual.
  std::optional<LayerParameter> bias;
};

// REQUIRES op to be qkv, proj, fc1 or fc2.
inline LinearOperator linearOperator(Op op, const RankShape& shape) {
  const int64_t tokens = shape.tokens();
  switch (op) {
    case Op::kQkv:
      return {{tokens, shape.hidden, 3 * shape.localHidden()},
              LayerParameter::kQkvWeight,
              LayerParameter::kQkvBias};
    case Op::kProj:
      return {
          {tokens, shape.localHidden(), shape.hidden}, LayerParameter::kProjWeight, std::nullopt};
    case Op::kFc1:
      return {{tokens, shape.hidden, shape.localFfn()},
              LayerParameter::kFc1Weight,
              LayerParameter::kFc1Bias};
    default:
      return {{tokens, shape.localFfn(), shape.hidden}, LayerParameter::kFc2Weight, std::nullopt};
  }
}

inline kernels::AttentionShape attentionShape(const RankShape& shape) {
  return {shape.batch, shape.sequence, shape.localHeads(), shape.headWidth()};
}

}  // namespace caracal::model
