#include <algorithm>

#include "core/profile/model_description.h"
#include "core/profile/parameters.h"

namespace caracal::profile {
namespace {

// Sizes of one micro-batch's tensors on one tensor-parallel rank, in bytes.
struct TensorBytes {
  explicit TensorBytes(const ModelDescription& model) {
    const ModelShape& shape = model.shape;
    const int64_t tokens = shape.sequence * shape.microBatchSize;
    const int64_t t = model.parallel.tensor;
    hidden = tokens * shape.hidden * shape.bytesPerElement;
    hiddenShard = hidden / t;
    qkv = 3 * hiddenShard;
    ffnShard = tokens * shape.ffn() / t * shape.bytesPerElement;
    scoreElements = shape.heads / t * shape.sequence * shape.sequence * shape.microBatchSize;
    scores = scoreElements * shape.bytesPerElement;
    logSumExp = shape.heads / t * tokens * int64_t{sizeof(float)};
    const bool masks = shape.dropout > 0;
    hiddenMask = masks ? tokens * shape.hidden * model.dropoutMaskBytes : 0;
    scoresMask = masks ? scoreElements * model.dropoutMaskBytes : 0;
  }
  int64_t hidden = 0;       // (s, b, h)
  int64_t hiddenShard = 0;  // (s, b, h/t)
  int64_t qkv = 0;          // (s, b, 3h/t)
  int64_t ffnShard = 0;     // (s, b, f/t)
  int64_t scoreElements = 0;
  int64_t scores = 0;      // (b, a/t, s, s)
  int64_t logSumExp = 0;   // (b, a/t, s), fp32
  int64_t hiddenMask = 0;  // dropout mask of (s, b, h)
  int64_t scoresMask = 0;  // dropout mask of (b, a/t, s, s)
};

using Ids = std::vector<std::string>;

Operator make(std::string id, OperatorKind kind, int64_t outputBytes, int64_t savedBytes,
              Ids savedFor, Ids inputs) {
  Operator op;
  op.id = std::move(id);
  op.kind = kind;
  op.outputBytes = outputBytes;
  op.savedBytes = savedBytes;
  op.savedFor = std::move(savedFor);
  op.inputs = std::move(inputs);
  return op;
}

// Readers of a tensor's saved bytes: its own backward too where a dropout mask is among them.
Ids withMask(Ids readers, const std::string& self, int64_t maskBytes) {
  if (maskBytes > 0) readers.push_back(self);
  return readers;
}

// scores softmax attn_dropout context, or the fused kernel that keeps only a log-sum-exp per row.
void addAttentionCore(const TensorBytes& bytes, bool fused, std::vector<Operator>& operators) {
  using enum OperatorKind;
  if (fused) {
    operators.push_back(make("attn", kAttention, bytes.hiddenShard,
                             bytes.hiddenShard + bytes.logSumExp, {"attn", "proj"}, {"qkv"}));
    return;
  }
  operators.push_back(make("scores", kGemm, bytes.scores, 0, {}, {"qkv"}));
  operators.push_back(
      make("softmax", kElementwise, bytes.scores, bytes.scores, {"softmax"}, {"scores"}));
  operators.push_back(make("attn_dropout", kElementwise, bytes.scores,
                           bytes.scores + bytes.scoresMask,
                           withMask({"context"}, "attn_dropout", bytes.scoresMask), {"softmax"}));
  operators.push_back(make("context", kGemm, bytes.hiddenShard, bytes.hiddenShard, {"proj"},
                           {"attn_dropout", "qkv"}));
}

// The all-reduce after a row-parallel GEMM; returns the id whose output the residual reads.
std::string addReduction(const TensorBytes& bytes, int32_t tensor, const char* id, const char* of,
                         std::vector<Operator>& operators) {
  if (tensor == 1) return of;
  operators.push_back(make(id, OperatorKind::kCollective, bytes.hidden, 0, {}, {of}));
  return id;
}

Window window(const char* id, const char* after, int64_t bytes) {
  Window result;
  result.id = id;
  result.after = after;
  result.bytes = bytes;
  return result;
}

}  // namespace

LayerKind gptLayer(const ModelDescription& model) {
  using enum OperatorKind;
  const TensorBytes bytes(model);
  const int32_t t = model.parallel.tensor;
  LayerKind kind;
  kind.id = "gpt";
  kind.inputBytes = bytes.hidden;
  kind.staticBytes = staticBytes(model, layerParameters(model));
  auto& ops = kind.operators;

  // The layer's input is the checkpoint; ln1's backward reads it, so it is nobody's saved bytes.
  const Ids attentionReaders = model.fusedAttention ? Ids{"attn"} : Ids{"scores", "context"};
  ops.push_back(make("ln1", kNorm, bytes.hidden, bytes.hidden, {"qkv"}, {"input"}));
  ops.push_back(make("qkv", kGemm, bytes.qkv, bytes.qkv, attentionReaders, {"ln1"}));
  addAttentionCore(bytes, model.fusedAttention, ops);
  ops.push_back(
      make("proj", kGemm, bytes.hidden, 0, {}, {model.fusedAttention ? "attn" : "context"}));
  const std::string attentionOut = addReduction(bytes, t, "tp_attn", "proj", ops);
  ops.push_back(make("residual1", kElementwise, bytes.hidden, bytes.hidden + bytes.hiddenMask,
                     withMask({"ln2"}, "residual1", bytes.hiddenMask), {attentionOut, "input"}));
  ops.push_back(make("ln2", kNorm, bytes.hidden, bytes.hidden, {"fc1"}, {"residual1"}));
  ops.push_back(make("fc1", kGemm, bytes.ffnShard, bytes.ffnShard, {"act"}, {"ln2"}));
  ops.push_back(make("act", kElementwise, bytes.ffnShard, bytes.ffnShard, {"fc2"}, {"fc1"}));
  ops.push_back(make("fc2", kGemm, bytes.hidden, 0, {}, {"act"}));
  const std::string mlpOut = addReduction(bytes, t, "tp_mlp", "fc2", ops);
  ops.push_back(make("residual2", kElementwise, bytes.hidden, bytes.hiddenMask,
                     withMask({}, "residual2", bytes.hiddenMask), {mlpOut, "residual1"}));
  if (t > 1) {
    kind.windows = {
        window("fwd.attn", "tp_attn", bytes.hidden), window("fwd.mlp", "tp_mlp", bytes.hidden),
        window("bwd.mlp", "fc1", bytes.hidden), window("bwd.attn", "qkv", bytes.hidden)};
  }
  return kind;
}

ModelEnd gptFirst(const ModelDescription& model) {
  const TensorBytes bytes(model);
  ModelEnd end;
  end.operators.push_back(make("embed", OperatorKind::kElementwise, bytes.hidden, bytes.hiddenMask,
                               withMask({}, "embed", bytes.hiddenMask), {}));
  end.staticBytes = staticBytes(model, firstParameters(model));
  return end;
}

ModelEnd gptLast(const ModelDescription& model) {
  using enum OperatorKind;
  const TensorBytes bytes(model);
  const ModelShape& shape = model.shape;
  const int64_t logits = shape.sequence * shape.microBatchSize * vocabularyShard(model);
  ModelEnd end;
  // What final_ln's backward reads is the last layer's output, which that layer holds. The loss
  // keeps the probabilities in fp32.
  end.operators.push_back(make("final_ln", kNorm, bytes.hidden, bytes.hidden, {"head"}, {"input"}));
  end.operators.push_back(make("head", kGemm, logits * shape.bytesPerElement, 0, {}, {"final_ln"}));
  end.operators.push_back(make("loss", kElementwise,
                               shape.sequence * shape.microBatchSize * int64_t{sizeof(float)},
                               logits * int64_t{sizeof(float)}, {"loss"}, {"head"}));
  end.staticBytes = staticBytes(model, lastParameters(model));
  return end;
}

}  // namespace caracal::profile
