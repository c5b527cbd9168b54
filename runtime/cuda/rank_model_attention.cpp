// Attention, forward and backward: unfused as products of heads around a softmax, or in one kernel.
#include <cmath>

#include "runtime/cuda/kernels/dropout.h"
#include "runtime/cuda/kernels/softmax.h"
#include "runtime/cuda/rank_model_of.h"

namespace caracal::cuda {

using model::Op;
using model::OperatorCall;

template <class T>
typename RankModelOf<T>::HeadMatrix RankModelOf<T>::partOf(const T* qkv, int64_t part,
                                                           bool transposed) const {
  const int64_t hidden = m_shape.localHidden();
  return {qkv + part * hidden, 3 * hidden, m_shape.headWidth(), m_shape.sequence * 3 * hidden,
          transposed};
}

template <class T>
typename RankModelOf<T>::HeadMatrix RankModelOf<T>::squareOf(const T* square,
                                                             bool transposed) const {
  const int64_t count = m_shape.sequence * m_shape.sequence;
  return {square, m_shape.sequence, count, m_shape.localHeads() * count, transposed};
}

template <class T>
typename RankModelOf<T>::HeadMatrix RankModelOf<T>::contextOf(const T* context,
                                                              bool transposed) const {
  const int64_t hidden = m_shape.localHidden();
  return {context, hidden, m_shape.headWidth(), m_shape.sequence * hidden, transposed};
}

template <class T>
Result<void> RankModelOf<T>::multiplyHeads(Lane& lane, int64_t n, int64_t k, float alpha,
                                           const HeadMatrix& a, const HeadMatrix& b,
                                           const HeadMatrix& c) {
  GemmCall product;
  product.m = m_shape.sequence;
  product.n = n;
  product.k = k;
  product.alpha = alpha;
  product.batches = static_cast<int32_t>(m_shape.localHeads());
  product.cStride = c.rowStride;
  product.cBatchStride = c.headStride;
  product.in = product.out = number();
  for (int64_t batch = 0; batch < m_shape.batch; ++batch) {
    product.a = {a.data + batch * a.batchStride, a.rowStride, a.transposed, a.headStride};
    product.b = {b.data + batch * b.batchStride, b.rowStride, b.transposed, b.headStride};
    product.c = const_cast<T*>(c.data + batch * c.batchStride);
    CARACAL_CHECK_OK(m_gemm->multiply(lane, product));
  }
  return {};
}

template <class T>
Result<void> RankModelOf<T>::attentionForward(Lane& lane, const OperatorCall& call) {
  const int64_t s = m_shape.sequence;
  const int64_t d = m_shape.headWidth();
  const float scale = 1.0F / std::sqrt(static_cast<float>(d));
  const T* x = in(call, 0);
  if (call.op == Op::kScores)
    return multiplyHeads(lane, s, d, scale, partOf(x, 0), partOf(x, 1, true), squareOf(out(call)));
  if (call.op == Op::kContext)
    return multiplyHeads(lane, d, s, 1, squareOf(x), partOf(in(call, 1), 2), contextOf(out(call)));
  if (call.op == Op::kSoftmax)
    causalSoftmaxForward(lane.queue, model::attentionShape(m_shape), x, out(call));
  if (call.op == Op::kAttnDropout) attentionDropout(lane, call, x, out(call));
  return {};
}

template <class T>
void RankModelOf<T>::attentionDropout(Lane& lane, const OperatorCall& call, const T* x, T* y) {
  const int64_t square = m_shape.sequence * m_shape.sequence;
  const DropoutBlocks blocks{
      {m_shape.tensorIndex * m_shape.localHeads() * square, m_shape.localHeads() * square},
      m_shape.batch,
      m_shape.heads * square};
  dropout(lane.queue, siteOf(call), blocks, x, y);
}

template <class T>
AttentionDropout RankModelOf<T>::attentionSite(const OperatorCall& call) const {
  return {siteOf(call), m_shape.tensorIndex * m_shape.localHeads(), m_shape.heads};
}

template <class T>
void RankModelOf<T>::fusedAttentionForward(Lane& lane, const OperatorCall& call) {
  auto* logSums = reinterpret_cast<float*>(out(call) + m_shape.tokens() * m_shape.localHidden());
  flashForward(lane.queue, model::attentionShape(m_shape), attentionSite(call), in(call, 0),
               out(call), logSums);
}

template <class T>
Result<void> RankModelOf<T>::attentionBackward(Lane& lane, const OperatorCall& call) {
  const int64_t s = m_shape.sequence;
  const int64_t d = m_shape.headWidth();
  const float scale = 1.0F / std::sqrt(static_cast<float>(d));
  T* square = m_workspace.probabilities.data();
  T* dqkv = m_workspace.qkv.data();
  const T* dcontext = m_workspace.context.data();
  if (call.op == Op::kContext) {
    CARACAL_CHECK_OK(multiplyHeads(lane, s, d, 1, contextOf(dcontext), partOf(in(call, 1), 2, true),
                                   squareOf(square)));
    return multiplyHeads(lane, d, s, 1, squareOf(in(call, 0), true), contextOf(dcontext),
                         partOf(dqkv, 2));
  }
  if (call.op == Op::kScores) {
    CARACAL_CHECK_OK(multiplyHeads(lane, d, s, scale, squareOf(square), partOf(in(call, 0), 1),
                                   partOf(dqkv, 0)));
    return multiplyHeads(lane, d, s, scale, squareOf(square, true), partOf(in(call, 0), 0),
                         partOf(dqkv, 1));
  }
  if (call.op == Op::kAttnDropout) attentionDropout(lane, call, square, square);
  if (call.op == Op::kSoftmax)
    causalSoftmaxBackward(lane.queue, model::attentionShape(m_shape), in(call, 0), square);
  return {};
}

// in: context and log-sums as forward wrote them, qkv.
template <class T>
void RankModelOf<T>::fusedAttentionBackward(Lane& lane, const OperatorCall& call) {
  const auto* logSums =
      reinterpret_cast<const float*>(in(call, 0) + m_shape.tokens() * m_shape.localHidden());
  flashBackward(lane.queue, model::attentionShape(m_shape), attentionSite(call), in(call, 1),
                in(call, 0), logSums, static_cast<const T*>(m_workspace.context.data()),
                m_workspace.scratch.data(), m_workspace.qkv.data());
}

template class RankModelOf<float>;
template class RankModelOf<__nv_bfloat16>;

}  // namespace caracal::cuda
