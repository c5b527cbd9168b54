#include <algorithm>
#include <cassert>

#include "runtime/kernels/attention.h"
#include "runtime/kernels/cross_entropy.h"
#include "runtime/kernels/embedding.h"
#include "runtime/kernels/gelu.h"
#include "runtime/kernels/layer_norm.h"
#include "runtime/model/layer_operators.h"
#include "runtime/model/rank_model.h"

namespace caracal::model {

void RankModel::forward(const OperatorCall& call) {
  switch (call.op) {
    case Op::kEmbed:
      return embedForward(call);
    case Op::kLn1:
    case Op::kLn2:
      return normForward(call);
    case Op::kQkv:
    case Op::kProj:
    case Op::kFc1:
    case Op::kFc2:
      return linearForward(call);
    case Op::kScores:
    case Op::kSoftmax:
    case Op::kAttnDropout:
    case Op::kContext:
      return attentionForward(call);
    case Op::kAct:
      return kernels::geluForward(m_shape.tokens() * m_shape.localFfn(), call.in[0], call.out);
    case Op::kResidual1:
    case Op::kResidual2:
      return residualForward(call);
    case Op::kFinalLn:
      return finalNormForward(call);
    case Op::kHead: {
      const kernels::LinearShape shape{m_shape.tokens(), m_shape.hidden, m_shape.vocabulary};
      return kernels::linearForward(shape, call.in[0], m_parameters.at(LastParameter::kHead).weight,
                                    nullptr, call.out);
    }
    case Op::kLoss:
      return lossForward(call);
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
  assert(false && "collectives are not run by the model, and fused attention not on the CPU");
}

void RankModel::embedForward(const OperatorCall& call) {
  const TokenBatch tokens = tokensOf(call);
  kernels::embeddingForward({m_shape.sequence, m_shape.hidden, m_shape.firstRow()},
                            rowsOf(tokens.inputs), m_parameters.at(FirstParameter::kTokens).weight,
                            m_parameters.at(FirstParameter::kPositions).weight, call.out);
  kernels::dropout(dropoutSite(call), hiddenElements(), call.out, call.out);
}

void RankModel::normForward(const OperatorCall& call) {
  const bool first = call.op == Op::kLn1;
  const auto gamma =
      m_parameters.at(call.layer, first ? LayerParameter::kLn1Gamma : LayerParameter::kLn2Gamma);
  const auto beta =
      m_parameters.at(call.layer, first ? LayerParameter::kLn1Beta : LayerParameter::kLn2Beta);
  kernels::layerNormForward({m_shape.rows(), m_shape.hidden}, call.in[0], gamma.weight, beta.weight,
                            call.out);
}

void RankModel::linearForward(const OperatorCall& call) {
  const LinearOperator linear = linearOperator(call.op, m_shape);
  const float* bias = linear.bias ? m_parameters.at(call.layer, *linear.bias).weight : nullptr;
  kernels::linearForward(linear.shape, call.in[0],
                         m_parameters.at(call.layer, linear.weight).weight, bias, call.out);
}

void RankModel::attentionForward(const OperatorCall& call) {
  const kernels::AttentionShape shape = attentionShape(m_shape);
  if (call.op == Op::kScores) kernels::scoresForward(shape, call.in[0], call.out);
  if (call.op == Op::kSoftmax) kernels::causalSoftmaxForward(shape, call.in[0], call.out);
  if (call.op == Op::kAttnDropout) attentionDropout(call, call.in[0], call.out);
  if (call.op == Op::kContext) kernels::contextForward(shape, call.in[0], call.in[1], call.out);
}

// in: the summed output of proj or fc2, the residual stream.
void RankModel::residualForward(const OperatorCall& call) {
  const bool first = call.op == Op::kResidual1;
  const auto bias =
      m_parameters.at(call.layer, first ? LayerParameter::kProjBias : LayerParameter::kFc2Bias);
  kernels::biasDropoutAdd(dropoutSite(call), hiddenElements(), m_shape.hidden, call.in[0],
                          bias.weight, call.in[1], call.out);
}

void RankModel::finalNormForward(const OperatorCall& call) {
  kernels::layerNormForward({m_shape.rows(), m_shape.hidden}, call.in[0],
                            m_parameters.at(LastParameter::kGamma).weight,
                            m_parameters.at(LastParameter::kBeta).weight, call.out);
}

void RankModel::lossForward(const OperatorCall& call) {
  m_lossSum += kernels::crossEntropyForward(m_shape.vocabulary, call.in[0], tokensOf(call).targets,
                                            call.out);
}

}  // namespace caracal::model
