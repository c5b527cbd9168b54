#include "runtime/model/output_bytes.h"

namespace caracal::model {

int64_t outputBytes(const RankShape& shape, Op op) {
  const int64_t tokens = shape.tokens();
  const int64_t e = shape.elementBytes;
  constexpr auto kFloat = static_cast<int64_t>(sizeof(float));
  switch (op) {
    case Op::kAgAttn:
    case Op::kProj:
    case Op::kTpAttn:
    case Op::kAgMlp:
    case Op::kFc2:
    case Op::kTpMlp:
    case Op::kAgHead:
      return e * tokens * shape.hidden;
    case Op::kQkv:
      return e * tokens * 3 * shape.localHidden();
    case Op::kScores:
    case Op::kSoftmax:
    case Op::kAttnDropout:
      return e * tokens * shape.localHeads() * shape.sequence;
    case Op::kContext:
      return e * tokens * shape.localHidden();
    case Op::kAttn:  // and the log-sums of rows
      return e * tokens * shape.localHidden() + kFloat * tokens * shape.localHeads();
    case Op::kFc1:
    case Op::kAct:
      return e * tokens * shape.localFfn();
    case Op::kHead:
      return e * tokens * shape.vocabulary;
    case Op::kLoss:
      return kFloat * tokens * shape.vocabulary;
    default:
      return e * shape.rows() * shape.hidden;
  }
}

}  // namespace caracal::model
