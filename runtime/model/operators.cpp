#include "runtime/model/operators.h"

#include <array>

namespace caracal::model {
namespace {

struct OpFacts {
  Op op;
  std::string_view id;
  std::vector<std::string_view> backwardReads;
};

// In the order of enum Op. Dropout masks are made again from their counters, norms compute mean and
// deviation again from their input, and loss keeps what it needs in its own output.
const std::array<OpFacts, 25>& facts() {
  static const std::array<OpFacts, 25> kFacts{{
      {Op::kEmbed, "embed", {}},
      {Op::kLn1, "ln1", {"input"}},
      {Op::kAgAttn, "ag_attn", {}},
      {Op::kQkv, "qkv", {"ln1"}},
      {Op::kScores, "scores", {"qkv"}},
      {Op::kSoftmax, "softmax", {"softmax"}},
      {Op::kAttnDropout, "attn_dropout", {}},
      {Op::kContext, "context", {"attn_dropout", "qkv"}},
      {Op::kAttn, "attn", {"attn", "qkv"}},
      {Op::kProj, "proj", {"context|attn"}},
      {Op::kTpAttn, "tp_attn", {}},
      {Op::kRsAttn, "rs_attn", {}},
      {Op::kResidual1, "residual1", {}},
      {Op::kLn2, "ln2", {"residual1"}},
      {Op::kAgMlp, "ag_mlp", {}},
      {Op::kFc1, "fc1", {"ln2"}},
      {Op::kAct, "act", {"fc1"}},
      {Op::kFc2, "fc2", {"act"}},
      {Op::kTpMlp, "tp_mlp", {}},
      {Op::kRsMlp, "rs_mlp", {}},
      {Op::kResidual2, "residual2", {}},
      {Op::kFinalLn, "final_ln", {"input"}},
      {Op::kAgHead, "ag_head", {}},
      {Op::kHead, "head", {"ag_head|final_ln"}},
      {Op::kLoss, "loss", {"loss"}},
  }};
  return kFacts;
}

}  // namespace

std::string_view id(Op op) {
  return facts()[static_cast<size_t>(op)].id;
}

std::optional<Op> opFromId(std::string_view id) {
  for (const OpFacts& fact : facts()) {
    if (fact.id == id) return fact.op;
  }
  return std::nullopt;
}

const std::vector<std::string_view>& backwardReads(Op op) {
  return facts()[static_cast<size_t>(op)].backwardReads;
}

}  // namespace caracal::model
