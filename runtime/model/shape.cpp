#include "runtime/model/shape.h"

namespace caracal::model {

RankShape rankShape(const profile::ModelShape& model, const profile::ParallelShape& parallel,
                    int32_t tensorIndex, bool fusedAttention) {
  RankShape shape;
  shape.batch = model.microBatchSize;
  shape.sequence = model.sequence;
  shape.hidden = model.hidden;
  shape.ffn = model.ffn();
  shape.heads = model.heads;
  shape.vocabulary = model.vocabulary;
  shape.tensorSize = parallel.tensor;
  shape.tensorIndex = tensorIndex;
  shape.dropout = static_cast<float>(model.dropout);
  shape.elementBytes = model.bytesPerElement;
  shape.fusedAttention = fusedAttention;
  shape.microBatches = parallel.microBatches;
  shape.sequenceParallel = parallel.sequenceParallel && parallel.tensor > 1;
  return shape;
}

Result<void> checkRunnable(const profile::ModelDescription& description,
                           const Abilities& abilities) {
  CARACAL_CHECK_OK(profile::validate(description));
  const profile::ModelShape& model = description.shape;
  if (description.fusedAttention && !abilities.fusedAttention) {
    return fail(ErrorCode::kUnsupported,
                "the {} backend has no fused attention; set fusedAttention to false",
                abilities.backend);
  }
  if (description.architecture != profile::Architecture{} || !description.table.empty()) {
    return fail(ErrorCode::kUnsupported,
                "the {} backend trains GPT-3's architecture; leave out kvHeads, gatedMlp, biases, "
                "rmsNorm, rotary, tiedEmbeddings, experts and table",
                abilities.backend);
  }
  if (description.parallel.context > 1) {
    return fail(ErrorCode::kUnsupported,
                "the {} backend has no context parallelism; set contextParallel to 1",
                abilities.backend);
  }
  const bool known = model.bytesPerElement == 4 || (abilities.bf16 && model.bytesPerElement == 2);
  if (!known) {
    return fail(ErrorCode::kUnsupported,
                "the {} backend computes in {}, but the model says {} bytes per element; set "
                "bytesPerElement to 4",
                abilities.backend, abilities.bf16 ? "bf16 and fp32" : "fp32",
                model.bytesPerElement);
  }
  if (model.vocabulary < 256) {
    return fail(
        ErrorCode::kInvalidInput,
        "training text is bytes, so the vocabulary must be at least 256, but the model has {}",
        model.vocabulary);
  }
  if (model.hidden % 4 != 0 || model.sequence % 4 != 0) {
    return fail(ErrorCode::kUnsupported,
                "hidden ({}) and sequence ({}) must be multiples of 4: dropout makes its masks "
                "four elements at a time",
                model.hidden, model.sequence);
  }
  if (!(model.dropout >= 0 && model.dropout < 1)) {
    return fail(ErrorCode::kInvalidInput, "dropout must be at least 0 and below 1, but it is {}",
                model.dropout);
  }
  return {};
}

}  // namespace caracal::model
