// Gradients travel as on the CPU (runtime/model/backward.cpp): a layer gets `stream`, each residual
// leaves it there and puts the dropped-out copy for its branch into `branch`, and the norm at the
// branch's beginning adds its result to `stream`. With sequence parallelism a rank's rows of
// `branch` are at their own place, from which they are gathered and to which sums are scattered.
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

template <class T>
Result<void> RankModelOf<T>::backward(Lane& lane, const OperatorCall& call) {
  switch (call.op) {
    case Op::kEmbed:
      embedBackward(lane, call);
      break;
    case Op::kLn1:
    case Op::kLn2:
      normBackward(lane, call);
      break;
    case Op::kFinalLn:
      finalNormBackward(lane, call);
      break;
    case Op::kQkv:
    case Op::kProj:
    case Op::kFc1:
    case Op::kFc2:
    case Op::kHead: {
      const LinearGradient g = linearGradient(call);
      CARACAL_CHECK_OK(multiplyInputGradient(lane, g));
      return addWeightGradient(lane, g, productInput(call), g.dy);
    }
    case Op::kScores:
    case Op::kSoftmax:
    case Op::kAttnDropout:
    case Op::kContext:
      return attentionBackward(lane, call);
    case Op::kAttn:
      fusedAttentionBackward(lane, call);
      break;
    case Op::kAct:
      biasGeluBackward(lane.queue, ffnRows(), in(call, 0),
                       m_parameters.weight(spec(call, LayerParameter::kFc1Bias)),
                       m_workspace.ffn.data());
      break;
    case Op::kResidual1:
    case Op::kResidual2:
      residualBackward(lane, call);
      break;
    case Op::kLoss:
      lossBackward(lane, call);
      break;
    case Op::kTpAttn:
    case Op::kTpMlp:
    case Op::kAgAttn:
    case Op::kRsAttn:
    case Op::kAgMlp:
    case Op::kRsMlp:
    case Op::kAgHead:
      return fail(ErrorCode::kUnsupported, "a forward all-reduce has no backward of its own");
  }
  return {};
}

template <class T>
void RankModelOf<T>::embedBackward(Lane& lane, const OperatorCall& call) {
  const auto& layout = m_parameters.layout();
  T* gradient = m_workspace.stream.data();
  dropout(lane.queue, siteOf(call), {hiddenRange()}, gradient, gradient);
  embeddingBackward(lane.queue, {m_shape.sequence, m_shape.hidden, m_shape.firstRow()},
                    m_shape.rows(), tokensOf(lane, call).inputs + m_shape.firstRow(), gradient,
                    m_parameters.gradient(layout.at(model::FirstParameter::kTokens)),
                    m_parameters.gradient(layout.at(model::FirstParameter::kPositions)));
}

template <class T>
void RankModelOf<T>::normBackward(Lane& lane, const OperatorCall& call) {
  const bool first = call.op == Op::kLn1;
  const auto& gamma = spec(call, first ? LayerParameter::kLn1Gamma : LayerParameter::kLn2Gamma);
  const auto& beta = spec(call, first ? LayerParameter::kLn1Beta : LayerParameter::kLn2Beta);
  layerNormBackward(lane.queue, hiddenRows(), in(call, 0), m_parameters.weight(gamma),
                    ownRows(m_workspace.branch), m_workspace.scratch.data(),
                    m_workspace.stream.data(), m_parameters.gradient(gamma),
                    m_parameters.gradient(beta));
}

// in: the output of the last layer, which stays until here. The head's gradient is whole on every
// rank.
template <class T>
void RankModelOf<T>::finalNormBackward(Lane& lane, const OperatorCall& call) {
  const auto& gamma = m_parameters.layout().at(LastParameter::kGamma);
  lane.queue.note(
      "cudaMemsetAsync",
      cudaMemsetAsync(m_workspace.stream.data(), 0, m_workspace.stream.bytes(), lane.queue.stream));
  layerNormBackward(lane.queue, hiddenRows(), in(call, 0), m_parameters.weight(gamma),
                    ownRows(m_workspace.branch), m_workspace.scratch.data(),
                    m_workspace.stream.data(), m_parameters.gradient(gamma),
                    m_parameters.gradient(m_parameters.layout().at(LastParameter::kBeta)));
}

template <class T>
typename RankModelOf<T>::LinearGradient RankModelOf<T>::linearGradient(const OperatorCall& call) {
  LinearGradient g;
  g.dy = m_workspace.branch.data();  // of proj and fc2
  g.dx = m_workspace.branch.data();  // of qkv, fc1 and head
  if (call.op == Op::kHead) {
    const auto& weight = m_parameters.layout().at(LastParameter::kHead);
    g.shape = {m_shape.tokens(), m_shape.hidden, m_shape.vocabulary};
    g.weight = operand(weight);
    g.weightGradient = m_parameters.gradient(weight);
    g.dy = m_workspace.logits.data();
    return g;
  }
  const model::LinearOperator linear = model::linearOperator(call.op, m_shape);
  g.shape = linear.shape;
  g.weight = operand(spec(call, linear.weight));
  g.weightGradient = m_parameters.gradient(spec(call, linear.weight));
  if (linear.bias) g.biasGradient = m_parameters.gradient(spec(call, *linear.bias));
  if (call.op == Op::kQkv) g.dy = m_workspace.qkv.data();
  if (call.op == Op::kFc1) g.dy = m_workspace.ffn.data();
  if (call.op == Op::kProj) g.dx = m_workspace.context.data();
  if (call.op == Op::kFc2) g.dx = m_workspace.ffn.data();
  return g;
}

// The rows that qkv and fc1 read were split; they have been gathered again.
template <class T>
const T* RankModelOf<T>::productInput(const OperatorCall& call) const {
  const bool split = m_shape.sequenceParallel && (call.op == Op::kQkv || call.op == Op::kFc1);
  return split ? m_workspace.gathered.data() : in(call, 0);
}

// dx = dy w.
template <class T>
Result<void> RankModelOf<T>::multiplyInputGradient(Lane& lane, const LinearGradient& g) {
  GemmCall product;
  product.m = g.shape.rows;
  product.n = g.shape.in;
  product.k = g.shape.out;
  product.a = {g.dy, g.shape.out};
  product.b = {g.weight, g.shape.in};
  product.c = g.dx;
  product.cStride = g.shape.in;
  product.in = product.out = number();
  return m_gemm->multiply(lane, product);
}

// dw += dy^T x, dbias += column sums of dy, both in fp32.
template <class T>
Result<void> RankModelOf<T>::addWeightGradient(Lane& lane, const LinearGradient& g, const T* x,
                                               const T* dy) {
  GemmCall product;
  product.m = g.shape.out;
  product.n = g.shape.in;
  product.k = g.shape.rows;
  product.beta = 1;
  product.a = {dy, g.shape.out, true};
  product.b = {x, g.shape.in};
  product.c = g.weightGradient;
  product.cStride = g.shape.in;
  product.in = number();
  if (g.biasGradient != nullptr) {
    addColumnSums(lane.queue, {g.shape.rows, g.shape.out}, dy, m_workspace.scratch.data(),
                  g.biasGradient);
  }
  return m_gemm->multiply(lane, product);
}

template <class T>
Result<void> RankModelOf<T>::inputGradient(Lane& lane, const OperatorCall& call) {
  const LinearGradient g = linearGradient(call);
  const size_t bytes = static_cast<size_t>(g.shape.rows * g.shape.out) * sizeof(T);
  lane.queue.note("cudaMemcpyAsync", cudaMemcpyAsync(call.out, g.dy, bytes,
                                                     cudaMemcpyDeviceToDevice, lane.queue.stream));
  return multiplyInputGradient(lane, g);
}

template <class T>
Result<void> RankModelOf<T>::weightGradient(Lane& lane, const OperatorCall& call) {
  return addWeightGradient(lane, linearGradient(call), productInput(call), out(call));
}

template <class T>
void RankModelOf<T>::residualBackward(Lane& lane, const OperatorCall& call) {
  const auto bias =
      call.op == Op::kResidual1 ? LayerParameter::kProjBias : LayerParameter::kFc2Bias;
  const T* stream = m_workspace.stream.data();
  T* branch = ownRows(m_workspace.branch);
  dropout(lane.queue, siteOf(call), {hiddenRange()}, stream, branch);
  addColumnSums(lane.queue, hiddenRows(), static_cast<const T*>(branch), m_workspace.scratch.data(),
                m_parameters.gradient(spec(call, bias)));
}

template <class T>
void RankModelOf<T>::lossBackward(Lane& lane, const OperatorCall& call) {
  const auto samples = static_cast<float>(m_options.microBatches * m_options.dataReplicas);
  crossEntropyBackward(lane.queue, {m_shape.tokens(), m_shape.vocabulary}, call.in[0],
                       tokensOf(lane, call).targets, 1.0F / samples, m_workspace.logits.data());
}

template <class T>
RankModel::Buffer RankModelOf<T>::gradients() {
  const auto& layout = m_parameters.layout();
  return {m_parameters.gradient(layout.specs().front()),
          layout.count() * static_cast<int64_t>(sizeof(float))};
}

template <class T>
std::vector<RankModel::Buffer> RankModelOf<T>::gradientsCompletedBy(int32_t part) {
  float* all = m_parameters.gradient(m_parameters.layout().specs().front());
  std::vector<Buffer> buffers;
  for (const model::Bucket& bucket : m_buckets) {
    if (bucket.completedBy != part) continue;
    for (const auto& range : bucket.ranges)
      buffers.push_back({all + range.begin, range.count * static_cast<int64_t>(sizeof(float))});
  }
  return buffers;
}

template <class T>
std::vector<RankModel::Buffer> RankModelOf<T>::rowGradients() {
  std::vector<Buffer> buffers;
  int64_t end = -1;  // of the last one, in parameters
  for (const model::ParameterSpec& spec : m_parameters.layout().specs()) {
    if (!spec.summedOverRows) continue;
    if (spec.offset != end) buffers.push_back({m_parameters.gradient(spec), 0});
    buffers.back().bytes += spec.count() * static_cast<int64_t>(sizeof(float));
    end = spec.offset + spec.count();
  }
  return buffers;
}

template class RankModelOf<float>;
template class RankModelOf<__nv_bfloat16>;

}  // namespace caracal::cuda
