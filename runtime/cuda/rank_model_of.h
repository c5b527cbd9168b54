// RankModel with activations in T: fp32 or bf16. Private to rank_model*.cpp.
#pragma once

#include <type_traits>

#include "runtime/cuda/kernels/flash_attention.h"
#include "runtime/cuda/parameters.h"
#include "runtime/cuda/rank_model.h"
#include "runtime/cuda/workspace.h"
#include "runtime/model/layer_operators.h"

namespace caracal::cuda {

template <class T>
class RankModelOf final : public RankModel {
 public:
  static constexpr bool kBf16 = std::is_same_v<T, __nv_bfloat16>;

  RankModelOf(const model::ModelOptions& options, std::shared_ptr<const model::TextSource> text,
              std::unique_ptr<Gemm> gemm, Parameters parameters, Workspace<T> workspace,
              PinnedArray<uint8_t> tokens, PinnedArray<double> loss);

  Result<void> forward(Lane& lane, const model::OperatorCall& call) override;
  Result<void> backward(Lane& lane, const model::OperatorCall& call) override;
  Result<void> inputGradient(Lane& lane, const model::OperatorCall& call) override;
  Result<void> weightGradient(Lane& lane, const model::OperatorCall& call) override;

  Buffer streamGradient() override { return bufferOf(m_workspace.stream); }
  Buffer branchGradient() override { return bufferOf(m_workspace.branch); }
  Buffer branchRows() override {
    return {ownRows(m_workspace.branch), hiddenRange().count * static_cast<int64_t>(sizeof(T))};
  }
  Buffer gatheredInput() override { return bufferOf(m_workspace.gathered); }
  Buffer gradients() override;
  std::vector<Buffer> gradientsCompletedBy(int32_t part) override;
  std::vector<Buffer> rowGradients() override;
  void update(Lane& lane, const kernels::AdamwOptions& options, int32_t update) override {
    m_parameters.update(lane.queue, options, update);
  }
  Result<void> download(Lane& lane, model::ParameterStore& host) override {
    return m_parameters.download(lane.queue, host);
  }
  Result<void> upload(Lane& lane, const model::ParameterStore& host) override {
    return m_parameters.upload(lane.queue, host);
  }
  Result<double> takeLossSum(Lane& lane) override;

 private:
  static Buffer bufferOf(const DeviceArray<T>& array) {
    return {array.data(), static_cast<int64_t>(array.bytes())};
  }
  static constexpr Number number() { return kBf16 ? Number::kBf16 : Number::kFp32; }
  static const T* in(const model::OperatorCall& call, size_t i) {
    return reinterpret_cast<const T*>(call.in[i]);
  }
  static T* out(const model::OperatorCall& call) { return reinterpret_cast<T*>(call.out); }

  // What products read: the weights themselves, or their copy in bf16.
  const T* operand(const model::ParameterSpec& spec) const {
    if constexpr (kBf16) {
      return m_parameters.copy(spec);
    } else {
      return m_parameters.weight(spec);
    }
  }
  const model::ParameterSpec& spec(const model::OperatorCall& call,
                                   model::LayerParameter which) const {
    return m_parameters.layout().at(call.layer, which);
  }
  // Of the residual stream on this rank.
  RowShape hiddenRows() const { return {m_shape.rows(), m_shape.hidden}; }
  kernels::ElementRange hiddenRange() const {
    return {m_shape.firstRow() * m_shape.hidden, m_shape.rows() * m_shape.hidden};
  }
  T* ownRows(DeviceArray<T>& whole) const { return whole.data() + hiddenRange().first; }
  RowShape ffnRows() const { return {m_shape.tokens(), m_shape.localFfn()}; }

  void embedForward(Lane& lane, const model::OperatorCall& call);
  void normForward(Lane& lane, const model::OperatorCall& call);
  Result<void> linearForward(Lane& lane, const model::OperatorCall& call);
  Result<void> attentionForward(Lane& lane, const model::OperatorCall& call);
  void fusedAttentionForward(Lane& lane, const model::OperatorCall& call);
  void residualForward(Lane& lane, const model::OperatorCall& call);
  void lossForward(Lane& lane, const model::OperatorCall& call);

  void embedBackward(Lane& lane, const model::OperatorCall& call);
  void normBackward(Lane& lane, const model::OperatorCall& call);
  void finalNormBackward(Lane& lane, const model::OperatorCall& call);
  Result<void> attentionBackward(Lane& lane, const model::OperatorCall& call);
  void fusedAttentionBackward(Lane& lane, const model::OperatorCall& call);
  void residualBackward(Lane& lane, const model::OperatorCall& call);
  void lossBackward(Lane& lane, const model::OperatorCall& call);

  // The backward of a matrix product: dy of its output becomes dx of its input.
  struct LinearGradient {
    kernels::LinearShape shape;
    const T* weight = nullptr;
    float* weightGradient = nullptr;
    float* biasGradient = nullptr;  // none: nullptr
    T* dy = nullptr;
    T* dx = nullptr;
  };
  LinearGradient linearGradient(const model::OperatorCall& call);
  const T* productInput(const model::OperatorCall& call) const;
  Result<void> multiplyInputGradient(Lane& lane, const LinearGradient& g);
  Result<void> addWeightGradient(Lane& lane, const LinearGradient& g, const T* x, const T* dy);

  // One product per head, of matrices inside qkv, (sequence, sequence) squares and contexts.
  struct HeadMatrix {
    const T* data = nullptr;
    int64_t rowStride = 0, headStride = 0, batchStride = 0;
    bool transposed = false;
  };
  HeadMatrix partOf(const T* qkv, int64_t part, bool transposed = false) const;
  HeadMatrix squareOf(const T* square, bool transposed = false) const;
  HeadMatrix contextOf(const T* context, bool transposed = false) const;
  Result<void> multiplyHeads(Lane& lane, int64_t n, int64_t k, float alpha, const HeadMatrix& a,
                             const HeadMatrix& b, const HeadMatrix& c);

  kernels::DropoutSite siteOf(const model::OperatorCall& call) const {
    return model::dropoutSite(m_options, call);
  }
  void attentionDropout(Lane& lane, const model::OperatorCall& call, const T* x, T* y);
  AttentionDropout attentionSite(const model::OperatorCall& call) const;
  // The micro-batch's bytes in the GPU's memory; copied there by the first operator of a step that
  // asks.
  struct DeviceTokens {
    const uint8_t* inputs = nullptr;
    const uint8_t* targets = nullptr;
  };
  DeviceTokens tokensOf(Lane& lane, const model::OperatorCall& call);

  model::ModelOptions m_options;
  model::RankShape m_shape;
  std::shared_ptr<const model::TextSource> m_text;
  std::unique_ptr<Gemm> m_gemm;
  Parameters m_parameters;
  std::vector<model::Bucket> m_buckets;
  Workspace<T> m_workspace;
  PinnedArray<uint8_t> m_tokens;
  PinnedArray<double> m_loss;
  std::vector<int32_t> m_stepOfTokens;  // by micro-batch; -1: none yet
};

}  // namespace caracal::cuda
