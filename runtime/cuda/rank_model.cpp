#include "runtime/cuda/rank_model.h"

#include "runtime/cuda/kernels/cross_entropy.h"
#include "runtime/cuda/kernels/dropout.h"
#include "runtime/cuda/kernels/embedding.h"
#include "runtime/cuda/kernels/gelu.h"
#include "runtime/cuda/rank_model_of.h"

namespace caracal::cuda {

using model::LastParameter;
using model::LayerParameter;
using model::Op;
using model::OperatorCall;

executor::FixedMemory fixedMemory(const model::RankShape& shape, const model::HeldLayers& layers) {
  const bool bf16 = shape.elementBytes == 2;
  return {Parameters::bytesFor(model::ParameterLayout(shape, layers), bf16),
          WorkspaceCounts(shape, layers.holdsLastEnd()).bytes(shape.elementBytes)};
}

template <class T>
RankModelOf<T>::RankModelOf(const model::ModelOptions& options,
                            std::shared_ptr<const model::TextSource> text,
                            std::unique_ptr<Gemm> gemm, Parameters parameters,
                            Workspace<T> workspace, PinnedArray<uint8_t> tokens,
                            PinnedArray<double> loss)
    : m_options(options),
      m_shape(options.shape),
      m_text(std::move(text)),
      m_gemm(std::move(gemm)),
      m_parameters(std::move(parameters)),
      m_buckets(model::bucketsOf(m_parameters.layout(), options.layers.reductions)),
      m_workspace(std::move(workspace)),
      m_tokens(std::move(tokens)),
      m_loss(std::move(loss)),
      m_stepOfTokens(static_cast<size_t>(options.microBatches), -1) {}

template <class T>
Result<void> RankModelOf<T>::forward(Lane& lane, const OperatorCall& call) {
  switch (call.op) {
    case Op::kEmbed:
      embedForward(lane, call);
      break;
    case Op::kLn1:
    case Op::kLn2:
    case Op::kFinalLn:
      normForward(lane, call);
      break;
    case Op::kQkv:
    case Op::kProj:
    case Op::kFc1:
    case Op::kFc2:
    case Op::kHead:
      return linearForward(lane, call);
    case Op::kScores:
    case Op::kSoftmax:
    case Op::kAttnDropout:
    case Op::kContext:
      return attentionForward(lane, call);
    case Op::kAttn:
      fusedAttentionForward(lane, call);
      break;
    case Op::kAct:
      biasGeluForward(lane.queue, ffnRows(), in(call, 0),
                      m_parameters.weight(spec(call, LayerParameter::kFc1Bias)), out(call));
      break;
    case Op::kResidual1:
    case Op::kResidual2:
      residualForward(lane, call);
      break;
    case Op::kLoss:
      lossForward(lane, call);
      break;
    case Op::kTpAttn:
    case Op::kTpMlp:
    case Op::kAgAttn:
    case Op::kRsAttn:
    case Op::kAgMlp:
    case Op::kRsMlp:
    case Op::kAgHead:
      return fail(ErrorCode::kUnsupported, "collectives are not run by the model");
  }
  return {};
}

template <class T>
typename RankModelOf<T>::DeviceTokens RankModelOf<T>::tokensOf(Lane& lane,
                                                               const OperatorCall& call) {
  const auto slot = static_cast<size_t>(call.microBatch);
  const auto tokens = static_cast<size_t>(m_shape.tokens());
  uint8_t* device = m_workspace.tokens.data() + 2 * tokens * slot;
  if (m_stepOfTokens[slot] != call.step) {
    m_stepOfTokens[slot] = call.step;
    uint8_t* host = m_tokens.data() + 2 * tokens * slot;
    const model::TokenBatch batch = m_text->batch(model::batchRequest(m_options, call));
    std::copy(batch.inputs.begin(), batch.inputs.end(), host);
    std::copy(batch.targets.begin(), batch.targets.end(), host + tokens);
    lane.queue.note("cudaMemcpyAsync", cudaMemcpyAsync(device, host, 2 * tokens,
                                                       cudaMemcpyHostToDevice, lane.queue.stream));
  }
  return {device, device + tokens};
}

template <class T>
void RankModelOf<T>::embedForward(Lane& lane, const OperatorCall& call) {
  const auto& layout = m_parameters.layout();
  embeddingForward(lane.queue, {m_shape.sequence, m_shape.hidden, m_shape.firstRow()},
                   m_shape.rows(), tokensOf(lane, call).inputs + m_shape.firstRow(),
                   m_parameters.weight(layout.at(model::FirstParameter::kTokens)),
                   m_parameters.weight(layout.at(model::FirstParameter::kPositions)), out(call));
  dropout(lane.queue, siteOf(call), {hiddenRange()}, out(call), out(call));
}

template <class T>
void RankModelOf<T>::normForward(Lane& lane, const OperatorCall& call) {
  const auto& layout = m_parameters.layout();
  const bool last = call.op == Op::kFinalLn;
  const bool first = call.op == Op::kLn1;
  const auto& gamma =
      last ? layout.at(LastParameter::kGamma)
           : spec(call, first ? LayerParameter::kLn1Gamma : LayerParameter::kLn2Gamma);
  const auto& beta = last ? layout.at(LastParameter::kBeta)
                          : spec(call, first ? LayerParameter::kLn1Beta : LayerParameter::kLn2Beta);
  layerNormForward(lane.queue, hiddenRows(), in(call, 0), m_parameters.weight(gamma),
                   m_parameters.weight(beta), out(call));
}

template <class T>
Result<void> RankModelOf<T>::linearForward(Lane& lane, const OperatorCall& call) {
  const bool head = call.op == Op::kHead;
  kernels::LinearShape shape{m_shape.tokens(), m_shape.hidden, m_shape.vocabulary};
  const T* weight = nullptr;
  const T* bias = nullptr;
  if (head) {
    weight = operand(m_parameters.layout().at(LastParameter::kHead));
  } else {
    const model::LinearOperator linear = model::linearOperator(call.op, m_shape);
    shape = linear.shape;
    weight = operand(spec(call, linear.weight));
    // act adds the bias of fc1 with its GELU.
    if (linear.bias && call.op != Op::kFc1) bias = operand(spec(call, *linear.bias));
  }
  GemmCall product;
  product.m = shape.rows;
  product.n = shape.out;
  product.k = shape.in;
  product.a = {in(call, 0), shape.in};
  product.b = {weight, shape.in, true};
  product.c = out(call);
  product.cStride = shape.out;
  product.in = product.out = number();
  product.bias = bias;
  return m_gemm->multiply(lane, product);
}

// in: the summed output of proj or fc2, the residual stream.
template <class T>
void RankModelOf<T>::residualForward(Lane& lane, const OperatorCall& call) {
  const auto bias =
      call.op == Op::kResidual1 ? LayerParameter::kProjBias : LayerParameter::kFc2Bias;
  biasDropoutAdd(lane.queue, siteOf(call), hiddenRange(), m_shape.hidden, in(call, 0),
                 m_parameters.weight(spec(call, bias)), in(call, 1), out(call));
}

template <class T>
void RankModelOf<T>::lossForward(Lane& lane, const OperatorCall& call) {
  crossEntropyForward(lane.queue, {m_shape.tokens(), m_shape.vocabulary}, in(call, 0),
                      tokensOf(lane, call).targets, m_workspace.scratch.data(), call.out,
                      m_workspace.lossSum.data());
}

template <class T>
Result<double> RankModelOf<T>::takeLossSum(Lane& lane) {
  Queue& queue = lane.queue;
  queue.note("cudaMemcpyAsync",
             cudaMemcpyAsync(m_loss.data(), m_workspace.lossSum.data(), sizeof(double),
                             cudaMemcpyDeviceToHost, queue.stream));
  queue.note("cudaMemsetAsync",
             cudaMemsetAsync(m_workspace.lossSum.data(), 0, sizeof(double), queue.stream));
  CARACAL_CHECK_OK(check(queue));
  CARACAL_CHECK_OK(check(cudaStreamSynchronize(queue.stream), "reading the loss"));
  return *m_loss.data();
}

namespace {

template <class T>
Result<std::unique_ptr<RankModel>> make(const model::ModelOptions& options,
                                        std::shared_ptr<const model::TextSource> text,
                                        std::unique_ptr<Gemm> gemm, Lane& lane) {
  const model::ParameterLayout layout(options.shape, options.layers);
  CARACAL_TRY(parameters, Parameters::make(layout, RankModelOf<T>::kBf16, lane.queue));
  const WorkspaceCounts counts(options.shape, options.layers.holdsLastEnd());
  CARACAL_TRY(workspace, Workspace<T>::make(counts));
  CARACAL_TRY(tokens, PinnedArray<uint8_t>::make(counts.tokens));
  CARACAL_TRY(loss, PinnedArray<double>::make(1));
  auto made = std::make_unique<RankModelOf<T>>(options, std::move(text), std::move(gemm),
                                               std::move(parameters), std::move(workspace),
                                               std::move(tokens), std::move(loss));
  CARACAL_TRY(undefined, made->takeLossSum(lane));  // sets the sum to zero
  static_cast<void>(undefined);
  const model::ParameterStore initial(options.shape, options.layers, options.seed);
  CARACAL_CHECK_OK(made->upload(lane, initial));
  return made;
}

}  // namespace

Result<std::unique_ptr<RankModel>> makeRankModel(const model::ModelOptions& options,
                                                 std::shared_ptr<const model::TextSource> text,
                                                 std::unique_ptr<Gemm> gemm, Lane& lane) {
  if (options.shape.elementBytes == 2)
    return make<__nv_bfloat16>(options, std::move(text), std::move(gemm), lane);
  return make<float>(options, std::move(text), std::move(gemm), lane);
}

template class RankModelOf<float>;
template class RankModelOf<__nv_bfloat16>;

}  // namespace caracal::cuda
