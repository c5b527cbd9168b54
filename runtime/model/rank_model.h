// The part of a GPT that one rank holds, operator by operator: what each computes, forward and
// backward. When an operator runs, and where its tensors lie, is decided elsewhere. Used by one
// thread.
//
// Forward operators are pure functions of their inputs, the weights and the sample, so running one
// again gives the same bits. Backward operators hand gradients of activations to each other through
// the workspace and add to the gradients of the weights.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "runtime/kernels/dropout.h"
#include "runtime/kernels/gemm.h"
#include "runtime/model/operators.h"
#include "runtime/model/parameters.h"
#include "runtime/model/shape.h"
#include "runtime/model/text.h"
#include "runtime/model/workspace.h"

namespace caracal::model {

struct OperatorCall {
  Op op = Op::kLn1;
  int32_t layer = 0;  // global; any for the ends
  int32_t step = 0;
  int32_t microBatch = 0;  // of this replica
  // Forward: the inputs. Backward and weight gradient: backwardReads(op).
  std::array<const float*, 2> in{};
  // Forward: the output, of outputBytes(shape, op). Its gradient, which inputGradient() writes and
  // weightGradient() reads.
  float* out = nullptr;
};

struct ModelOptions {
  RankShape shape;
  HeldLayers layers;
  int32_t dataIndex = 0;  // this replica
  int32_t dataReplicas = 1;
  int32_t microBatches = 1;  // per step and replica
  uint64_t seed = 0;
};

// Which numbers and which text a call of a rank uses; equal on every backend.
kernels::DropoutSite dropoutSite(const ModelOptions& options, const OperatorCall& call);
BatchRequest batchRequest(const ModelOptions& options, const OperatorCall& call);

class RankModel {
 public:
  RankModel(const ModelOptions& options, std::shared_ptr<const TextSource> text);

  // Not for collectives (kTpAttn, kAgMlp, ...), which are not arithmetic.
  void forward(const OperatorCall& call);
  void backward(const OperatorCall& call);
  // The two parts of the backward of a matrix product; one after the other they are backward().
  // The first also copies the gradient of the operator's output, which the second reads.
  // REQUIRES qkv, proj, fc1, fc2 or head.
  void inputGradient(const OperatorCall& call);
  void weightGradient(const OperatorCall& call);

  // (rows, hidden): arrives from the next stage before a layer's backward, goes to the stage
  // before after it.
  std::span<float> streamGradient() { return m_workspace.stream; }
  // (tokens, hidden): what the tensor-parallel group sums after the backward of fc1 and of qkv, and
  // with sequence parallelism gathers after that of the residuals. This rank's rows of it, then,
  // are the first.
  std::span<float> branchGradient() { return m_workspace.branch; }
  // (tokens, hidden): where the rows that qkv or fc1 read are gathered for their backward.
  std::span<float> gatheredInput() { return m_workspace.gathered; }
  int64_t rowElements() const { return m_shape.rows() * m_shape.hidden; }

  ParameterStore& parameters() { return m_parameters; }
  const ParameterStore& parameters() const { return m_parameters; }
  int64_t workspaceBytes() const {
    return Workspace::bytesFor(m_shape, m_options.layers.holdsLastEnd());
  }
  // Sum of the losses of the micro-batches since the last call; 0 where there is no loss operator.
  double takeLossSum();

 private:
  kernels::DropoutSite dropoutSite(const OperatorCall& call) const {
    return model::dropoutSite(m_options, call);
  }
  kernels::ElementRange hiddenElements() const;
  TokenBatch tokensOf(const OperatorCall& call) const;
  // Those of this rank's rows.
  std::span<const uint8_t> rowsOf(const std::vector<uint8_t>& tokens) const;

  void embedForward(const OperatorCall& call);
  void normForward(const OperatorCall& call);
  void attentionForward(const OperatorCall& call);
  void linearForward(const OperatorCall& call);
  void residualForward(const OperatorCall& call);
  void finalNormForward(const OperatorCall& call);
  void lossForward(const OperatorCall& call);

  void embedBackward(const OperatorCall& call);
  void normBackward(const OperatorCall& call);
  void attentionBackward(const OperatorCall& call);
  // The backward of a matrix product: dy of its output becomes dx of its input.
  struct LinearGradient {
    kernels::LinearShape shape;
    ParameterStore::View weight;
    float* biasGradient = nullptr;  // none: nullptr
    float* dy = nullptr;
    float* dx = nullptr;
  };
  LinearGradient linearGradient(const OperatorCall& call);
  const float* productInput(const OperatorCall& call) const;
  void residualBackward(const OperatorCall& call);
  void finalNormBackward(const OperatorCall& call);
  void lossBackward(const OperatorCall& call);
  // Attention dropout works head by head: the rank's heads are one slice of each sequence's.
  void attentionDropout(const OperatorCall& call, const float* x, float* y) const;

  ModelOptions m_options;
  RankShape m_shape;
  std::shared_ptr<const TextSource> m_text;
  ParameterStore m_parameters;
  Workspace m_workspace;
  double m_lossSum = 0;
};

}  // namespace caracal::model
