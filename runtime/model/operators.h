// The operators this backend knows, by the ids of plans and profiles, and which tensors the
// backward of each reads. Forward inputs come from the operator table of the profile, in its order.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace caracal::model {

enum class Op : uint8_t {
  kEmbed,
  kLn1,
  kAgAttn,  // with sequence parallelism: gathers the rows of ln1
  kQkv,
  kScores,
  kSoftmax,
  kAttnDropout,
  kContext,
  kAttn,  // scores to context in one; only where fused attention is
  kProj,
  kTpAttn,
  kRsAttn,  // with sequence parallelism: sums, and keeps this rank's rows
  kResidual1,
  kLn2,
  kAgMlp,
  kFc1,
  kAct,
  kFc2,
  kTpMlp,
  kRsMlp,
  kResidual2,
  kFinalLn,
  kAgHead,
  kHead,
  kLoss,
};

std::string_view id(Op op);
std::optional<Op> opFromId(std::string_view id);

// Ids of the tensors that the backward of `op` reads, in the order RankModel::backward takes them;
// "input" is the input of the layer, "a|b" is b in layers without a.
const std::vector<std::string_view>& backwardReads(Op op);

}  // namespace caracal::model
