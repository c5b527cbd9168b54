#include <algorithm>

#include "core/profile/model_description.h"

namespace caracal::profile {
namespace {

tl::unexpected<Error> indivisible(std::string_view what, int64_t value, std::string_view by,
                                  int64_t divisor) {
  return fail(ErrorCode::kInvalidInput, "{} ({}) must be a multiple of {} ({})", what, value, by,
              divisor);
}

Result<void> checkPositive(const ModelDescription& model) {
  const ModelShape& shape = model.shape;
  const ParallelShape& parallel = model.parallel;
  if (shape.layers < 1 || shape.hidden < 1 || shape.heads < 1 || shape.sequence < 1 ||
      shape.vocabulary < 1 || shape.microBatchSize < 1 || shape.bytesPerElement < 1 ||
      shape.ffnHidden < 0) {
    return fail(ErrorCode::kInvalidInput,
                "layers, hidden, heads, sequence, vocabulary and microBatchSize must be positive");
  }
  if (parallel.tensor < 1 || parallel.pipeline < 1 || parallel.data < 1 || parallel.context < 1 ||
      parallel.microBatches < 1 || model.architecture.expertParallel < 1) {
    return fail(ErrorCode::kInvalidInput,
                "tp, pp, dp, contextParallel, expertParallel and microBatches must be positive");
  }
  if (shape.dropout < 0 || shape.dropout >= 1) {
    return fail(ErrorCode::kInvalidInput, "dropout ({}) must be at least 0 and below 1",
                shape.dropout);
  }
  return {};
}

Result<void> checkDivisible(const ModelDescription& model) {
  const ModelShape& shape = model.shape;
  const ParallelShape& parallel = model.parallel;
  const int64_t kvHeads = model.architecture.kvHeads;
  if (shape.hidden % shape.heads != 0)
    return indivisible("hidden", shape.hidden, "heads", shape.heads);
  if (shape.heads % parallel.tensor != 0)
    return indivisible("heads", shape.heads, "tp", parallel.tensor);
  if (kvHeads > 0 && shape.heads % kvHeads != 0)
    return indivisible("heads", shape.heads, "kvHeads", kvHeads);
  if (kvHeads % parallel.tensor != 0) return indivisible("kvHeads", kvHeads, "tp", parallel.tensor);
  const int64_t headRanks = int64_t{parallel.tensor} * parallel.context;
  if (model.ulysses && (kvHeads > 0 ? kvHeads : shape.heads) % headRanks != 0)
    return indivisible("heads", kvHeads > 0 ? kvHeads : shape.heads, "tp * contextParallel",
                       headRanks);
  if (shape.ffn() % parallel.tensor != 0)
    return indivisible("ffnHidden", shape.ffn(), "tp", parallel.tensor);
  const int64_t sequenceRanks =
      int64_t{parallel.context} * (parallel.sequenceParallel ? parallel.tensor : 1);
  if (shape.sequence % sequenceRanks != 0) {
    return indivisible("sequence", shape.sequence, "the ranks that share it", sequenceRanks);
  }
  return {};
}

Result<void> checkExperts(const ModelDescription& model) {
  const Architecture& design = model.architecture;
  const ParallelShape& parallel = model.parallel;
  if (design.experts == 0) {
    if (design.topK == 0 && design.expertParallel == 1) return {};
    return fail(ErrorCode::kInvalidInput,
                "topK and expertParallel need experts; say how many a layer has");
  }
  if (design.topK < 1 || design.topK > design.experts) {
    return fail(ErrorCode::kInvalidInput, "topK ({}) must be from 1 to the number of experts ({})",
                design.topK, design.experts);
  }
  if (design.experts % design.expertParallel != 0)
    return indivisible("experts", design.experts, "expertParallel", design.expertParallel);
  const int64_t ranks = int64_t{parallel.tensor} * parallel.gradientReplicas();
  if (ranks % design.expertParallel != 0) {
    return indivisible("the ranks of a stage", ranks, "expertParallel", design.expertParallel);
  }
  if (parallel.tensor > 1 && !parallel.sequenceParallel) {
    return fail(ErrorCode::kUnsupported,
                "experts with tp {} need sequenceParallel: each rank routes its own tokens",
                parallel.tensor);
  }
  return {};
}

}  // namespace

Result<void> validate(const ModelDescription& model) {
  CARACAL_CHECK_OK(checkPositive(model));
  CARACAL_CHECK_OK(checkDivisible(model));
  CARACAL_CHECK_OK(checkExperts(model));
  const ModelShape& shape = model.shape;
  if (shape.layers < model.parallel.pipeline) {
    return fail(ErrorCode::kInvalidInput, "{} layers cannot fill {} pipeline stages; lower pp",
                shape.layers, model.parallel.pipeline);
  }
  // Far above any model, far below what would overflow the 64-bit byte counts of a layer.
  constexpr double kLargestTensor = 1e15;
  const double scores = static_cast<double>(shape.heads) * static_cast<double>(shape.sequence) *
                        static_cast<double>(shape.sequence) *
                        static_cast<double>(shape.microBatchSize);
  const double wide =
      static_cast<double>(shape.sequence) * static_cast<double>(shape.microBatchSize) *
      static_cast<double>(std::max({shape.ffn(), 3 * shape.hidden, shape.vocabulary}));
  if (scores > kLargestTensor || wide > kLargestTensor ||
      static_cast<double>(shape.ffn()) * static_cast<double>(shape.hidden) > kLargestTensor) {
    return fail(ErrorCode::kInvalidInput,
                "a tensor of this model would have more than 10^15 elements; check sequence, heads "
                "and hidden");
  }
  return {};
}

}  // namespace caracal::profile
