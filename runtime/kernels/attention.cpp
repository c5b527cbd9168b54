#include "runtime/kernels/attention.h"

#include <algorithm>
#include <cmath>

#include "runtime/kernels/exponential.h"
#include "runtime/kernels/gemm.h"

namespace caracal::kernels {
namespace {

constexpr int64_t kQuery = 0;
constexpr int64_t kKey = 1;
constexpr int64_t kValue = 2;

// Where the matrices of one (batch, head) pair lie.
struct HeadView {
  AttentionShape shape;
  int64_t batch = 0, head = 0;

  int64_t hidden() const { return shape.heads * shape.headWidth; }
  int64_t qkvStride() const { return 3 * hidden(); }
  int64_t qkv(int64_t part) const {
    return batch * shape.sequence * qkvStride() + part * hidden() + head * shape.headWidth;
  }
  int64_t square() const { return (batch * shape.heads + head) * shape.sequence * shape.sequence; }
  int64_t context() const { return batch * shape.sequence * hidden() + head * shape.headWidth; }
};

template <class Work>
void forEachHead(AttentionShape shape, Work work) {
  for (int64_t b = 0; b < shape.batch; ++b) {
    for (int64_t h = 0; h < shape.heads; ++h) work(HeadView{shape, b, h});
  }
}

float scaleOf(AttentionShape shape) {
  return 1.0F / std::sqrt(static_cast<float>(shape.headWidth));
}

}  // namespace

void scoresForward(AttentionShape shape, const float* qkv, float* scores) {
  const int64_t s = shape.sequence;
  forEachHead(shape, [&](const HeadView& v) {
    gemm({s, s, shape.headWidth}, scaleOf(shape),
         {qkv + v.qkv(kQuery), v.qkvStride(), Transpose::kNo},
         {qkv + v.qkv(kKey), v.qkvStride(), Transpose::kYes}, 0, scores + v.square(), s);
  });
}

void scoresBackward(AttentionShape shape, const float* qkv, const float* dscores, float* dqkv) {
  const int64_t s = shape.sequence;
  const GemmShape product{s, shape.headWidth, s};
  forEachHead(shape, [&](const HeadView& v) {
    gemm(product, scaleOf(shape), {dscores + v.square(), s, Transpose::kNo},
         {qkv + v.qkv(kKey), v.qkvStride(), Transpose::kNo}, 0, dqkv + v.qkv(kQuery),
         v.qkvStride());
    gemm(product, scaleOf(shape), {dscores + v.square(), s, Transpose::kYes},
         {qkv + v.qkv(kQuery), v.qkvStride(), Transpose::kNo}, 0, dqkv + v.qkv(kKey),
         v.qkvStride());
  });
}

void causalSoftmaxForward(AttentionShape shape, const float* scores, float* probabilities) {
  const int64_t s = shape.sequence;
  for (int64_t row = 0; row < shape.batch * shape.heads * s; ++row) {
    const float* in = scores + row * s;
    float* out = probabilities + row * s;
    const int64_t visible = row % s + 1;
    const float largest = *std::max_element(in, in + visible);
    for (int64_t j = 0; j < visible; ++j) out[j] = fastExp(in[j] - largest);
    float sum = 0;
    for (int64_t j = 0; j < visible; ++j) sum += out[j];
    const float inverse = 1.0F / sum;
    for (int64_t j = 0; j < visible; ++j) out[j] *= inverse;
    std::fill(out + visible, out + s, 0.0F);
  }
}

void causalSoftmaxBackward(AttentionShape shape, const float* probabilities, float* gradient) {
  // dscore_j = p_j (dp_j - sum_k p_k dp_k); p is 0 right of the diagonal.
  const int64_t s = shape.sequence;
  for (int64_t row = 0; row < shape.batch * shape.heads * s; ++row) {
    const float* p = probabilities + row * s;
    float* d = gradient + row * s;
    float dot = 0;
    for (int64_t j = 0; j < s; ++j) dot += p[j] * d[j];
    for (int64_t j = 0; j < s; ++j) d[j] = p[j] * (d[j] - dot);
  }
}

void contextForward(AttentionShape shape, const float* probabilities, const float* qkv,
                    float* context) {
  const int64_t s = shape.sequence;
  forEachHead(shape, [&](const HeadView& v) {
    gemm({s, shape.headWidth, s}, 1, {probabilities + v.square(), s, Transpose::kNo},
         {qkv + v.qkv(kValue), v.qkvStride(), Transpose::kNo}, 0, context + v.context(),
         v.hidden());
  });
}

void contextBackward(AttentionShape shape, const float* probabilities, const float* qkv,
                     const float* dcontext, float* dprobabilities, float* dqkv) {
  const int64_t s = shape.sequence;
  forEachHead(shape, [&](const HeadView& v) {
    gemm({s, s, shape.headWidth}, 1, {dcontext + v.context(), v.hidden(), Transpose::kNo},
         {qkv + v.qkv(kValue), v.qkvStride(), Transpose::kYes}, 0, dprobabilities + v.square(), s);
    gemm({s, shape.headWidth, s}, 1, {probabilities + v.square(), s, Transpose::kYes},
         {dcontext + v.context(), v.hidden(), Transpose::kNo}, 0, dqkv + v.qkv(kValue),
         v.qkvStride());
  });
}

}  // namespace caracal::kernels
