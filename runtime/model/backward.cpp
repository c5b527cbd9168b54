// Gradients travel as contracts.md orders backward: a layer gets `stream`, the gradient of its
// output. Each residual leaves it there (it is also the gradient of the residual's base) and puts
// the dropped-out copy for its branch into `branch`; the branch's operators pass it down to the
// norm, whose result is added back to `stream`.
#include <algorithm>
#include <cassert>

#include "runtime/kernels/cross_entropy.h"
#include "runtime/kernels/embedding.h"
#include "runtime/kernels/gelu.h"
#include "runtime/kernels/layer_norm.h"
#include "runtime/model/layer_operators.h"
#include "runtime/model/rank_model.h"

namespace caracal::model {

void RankModel::backward(const OperatorCall& call) {
  switch (call.op) {
    case Op::kEmbed:
      return embedBackward(call);
    case Op::kLn1:
    case Op::kLn2:
      return normBackward(call);
    case Op::kQkv:
    case Op::kProj:
    case Op::kFc1:
    case Op::kFc2:
    case Op::kHead: {
      const LinearGradient g = linearGradient(call);
      kernels::linearBackwardInput(g.shape, g.dy, g.weight.weight, g.dx);
      return kernels::linearBackwardWeight(g.shape, productInput(call), g.dy, g.weight.gradient,
                                           g.biasGradient);
    }
    case Op::kScores:
    case Op::kSoftmax:
    case Op::kAttnDropout:
    case Op::kContext:
      return attentionBackward(call);
    case Op::kAct:
      return kernels::geluBackward(m_shape.tokens() * m_shape.localFfn(), call.in[0],
                                   m_workspace.ffn.data());
    case Op::kResidual1:
    case Op::kResidual2:
      return residualBackward(call);
    case Op::kFinalLn:
      return finalNormBackward(call);
    case Op::kLoss:
      return lossBackward(call);
    case Op::kAttn:
    case Op::kTpAttn:
    case Op::kTpMlp:
    case Op::kAgAttn:
    case Op::kRsAttn:
    case Op::kAgMlp:
    case Op::kRsMlp:
    case Op::kAgHead:
      break;
  }
  assert(false &&
         "a forward collective has no backward here, and fused attention is not run on the CPU");
}

void RankModel::embedBackward(const OperatorCall& call) {
  float* gradient = m_workspace.stream.data();
  kernels::dropout(dropoutSite(call), hiddenElements(), gradient, gradient);
  const TokenBatch tokens = tokensOf(call);
  kernels::embeddingBackward({m_shape.sequence, m_shape.hidden, m_shape.firstRow()},
                             rowsOf(tokens.inputs), gradient,
                             m_parameters.at(FirstParameter::kTokens).gradient,
                             m_parameters.at(FirstParameter::kPositions).gradient);
}

void RankModel::normBackward(const OperatorCall& call) {
  const bool first = call.op == Op::kLn1;
  const auto gamma =
      m_parameters.at(call.layer, first ? LayerParameter::kLn1Gamma : LayerParameter::kLn2Gamma);
  const auto beta =
      m_parameters.at(call.layer, first ? LayerParameter::kLn1Beta : LayerParameter::kLn2Beta);
  kernels::layerNormBackward({m_shape.rows(), m_shape.hidden}, call.in[0], gamma.weight,
                             m_workspace.branch.data(), m_workspace.stream.data(), gamma.gradient,
                             beta.gradient);
}

// The rows that qkv and fc1 read were split; they have been gathered again.
const float* RankModel::productInput(const OperatorCall& call) const {
  const bool split = m_shape.sequenceParallel && (call.op == Op::kQkv || call.op == Op::kFc1);
  return split ? m_workspace.gathered.data() : call.in[0];
}

RankModel::LinearGradient RankModel::linearGradient(const OperatorCall& call) {
  if (call.op == Op::kHead) {
    return {{m_shape.tokens(), m_shape.hidden, m_shape.vocabulary},
            m_parameters.at(LastParameter::kHead),
            nullptr,
            m_workspace.logits.data(),
            m_workspace.branch.data()};
  }
  const LinearOperator linear = linearOperator(call.op, m_shape);
  LinearGradient g;
  g.shape = linear.shape;
  g.weight = m_parameters.at(call.layer, linear.weight);
  if (linear.bias) g.biasGradient = m_parameters.at(call.layer, *linear.bias).gradient;
  g.dy = m_workspace.branch.data();  // of proj and fc2
  g.dx = m_workspace.branch.data();  // of qkv and fc1
  if (call.op == Op::kQkv) g.dy = m_workspace.qkv.data();
  if (call.op == Op::kFc1) g.dy = m_workspace.ffn.data();
  if (call.op == Op::kProj) g.dx = m_workspace.context.data();
  if (call.op == Op::kFc2) g.dx = m_workspace.ffn.data();
  return g;
}

void RankModel::inputGradient(const OperatorCall& call) {
  const LinearGradient g = linearGradient(call);
  std::copy_n(g.dy, g.shape.rows * g.shape.out, call.out);
  kernels::linearBackwardInput(g.shape, g.dy, g.weight.weight, g.dx);
}

void RankModel::weightGradient(const OperatorCall& call) {
  const LinearGradient g = linearGradient(call);
  kernels::linearBackwardWeight(g.shape, productInput(call), call.out, g.weight.gradient,
                                g.biasGradient);
}

void RankModel::attentionBackward(const OperatorCall& call) {
  const kernels::AttentionShape shape = attentionShape(m_shape);
  float* square = m_workspace.probabilities.data();
  if (call.op == Op::kContext) {
    kernels::contextBackward(shape, call.in[0], call.in[1], m_workspace.context.data(), square,
                             m_workspace.qkv.data());
  }
  if (call.op == Op::kAttnDropout) attentionDropout(call, square, square);
  if (call.op == Op::kSoftmax) kernels::causalSoftmaxBackward(shape, call.in[0], square);
  if (call.op == Op::kScores)
    kernels::scoresBackward(shape, call.in[0], square, m_workspace.qkv.data());
}

void RankModel::residualBackward(const OperatorCall& call) {
  const bool first = call.op == Op::kResidual1;
  const auto bias =
      m_parameters.at(call.layer, first ? LayerParameter::kProjBias : LayerParameter::kFc2Bias);
  const float* branch = m_workspace.branch.data();
  kernels::dropout(dropoutSite(call), hiddenElements(), m_workspace.stream.data(),
                   m_workspace.branch.data());
  for (int64_t t = 0; t < m_shape.rows(); ++t) {
    for (int64_t i = 0; i < m_shape.hidden; ++i) bias.gradient[i] += branch[t * m_shape.hidden + i];
  }
}

// in: the output of the last layer, which stays until here. The head's gradient is whole on every
// rank.
void RankModel::finalNormBackward(const OperatorCall& call) {
  const auto gamma = m_parameters.at(LastParameter::kGamma);
  std::fill(m_workspace.stream.begin(), m_workspace.stream.end(), 0.0F);
  const float* rows = m_workspace.branch.data() + m_shape.firstRow() * m_shape.hidden;
  kernels::layerNormBackward({m_shape.rows(), m_shape.hidden}, call.in[0], gamma.weight, rows,
                             m_workspace.stream.data(), gamma.gradient,
                             m_parameters.at(LastParameter::kBeta).gradient);
}

void RankModel::lossBackward(const OperatorCall& call) {
  const auto samples = static_cast<float>(m_options.microBatches * m_options.dataReplicas);
  kernels::crossEntropyBackward(m_shape.vocabulary, call.in[0], tokensOf(call).targets,
                                1.0F / samples, m_workspace.logits.data());
}

}  // namespace caracal::model
