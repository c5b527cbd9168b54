#include "runtime/model/rank_model.h"

#include <utility>

namespace caracal::model {
namespace {

// DropoutSite::place: the embedding has 0, layer l the four from 4 (l + 1).
constexpr uint32_t kAttentionPlace = 0;
constexpr uint32_t kResidual1Place = 1;
constexpr uint32_t kResidual2Place = 2;
constexpr uint32_t kPlacesPerLayer = 4;

uint32_t dropoutPlace(const OperatorCall& call) {
  const auto layer = kPlacesPerLayer * static_cast<uint32_t>(call.layer + 1);
  switch (call.op) {
    case Op::kAttnDropout:
    case Op::kAttn:
      return layer + kAttentionPlace;
    case Op::kResidual1:
      return layer + kResidual1Place;
    case Op::kResidual2:
      return layer + kResidual2Place;
    default:
      return 0;
  }
}

// Counted over all data-parallel replicas.
uint32_t sampleOf(const ModelOptions& options, const OperatorCall& call) {
  return static_cast<uint32_t>(options.dataIndex * options.microBatches + call.microBatch);
}

}  // namespace

kernels::DropoutSite dropoutSite(const ModelOptions& options, const OperatorCall& call) {
  kernels::DropoutSite site;
  site.seed = options.seed;
  site.step = static_cast<uint32_t>(call.step);
  site.sample = sampleOf(options, call);
  site.place = dropoutPlace(call);
  site.probability = options.shape.dropout;
  return site;
}

BatchRequest batchRequest(const ModelOptions& options, const OperatorCall& call) {
  BatchRequest request;
  request.seed = options.seed;
  request.step = static_cast<uint32_t>(call.step);
  request.sample = sampleOf(options, call);
  request.batch = options.shape.batch;
  request.sequence = options.shape.sequence;
  return request;
}

RankModel::RankModel(const ModelOptions& options, std::shared_ptr<const TextSource> text)
    : m_options(options),
      m_shape(options.shape),
      m_text(std::move(text)),
      m_parameters(options.shape, options.layers, options.seed, options.dataIndex),
      m_workspace(options.shape, options.layers.holdsLastEnd()) {}

double RankModel::takeLossSum() {
  return std::exchange(m_lossSum, 0.0);
}

kernels::ElementRange RankModel::hiddenElements() const {
  return {m_shape.firstRow() * m_shape.hidden, rowElements()};
}

TokenBatch RankModel::tokensOf(const OperatorCall& call) const {
  return m_text->batch(batchRequest(m_options, call));
}

std::span<const uint8_t> RankModel::rowsOf(const std::vector<uint8_t>& tokens) const {
  return std::span(tokens).subspan(static_cast<size_t>(m_shape.firstRow()),
                                   static_cast<size_t>(m_shape.rows()));
}

void RankModel::attentionDropout(const OperatorCall& call, const float* x, float* y) const {
  const int64_t square = m_shape.sequence * m_shape.sequence;
  const int64_t count = m_shape.localHeads() * square;
  for (int64_t b = 0; b < m_shape.batch; ++b) {
    const int64_t first = (b * m_shape.heads + m_shape.tensorIndex * m_shape.localHeads()) * square;
    kernels::dropout(dropoutSite(call), {first, count}, x + b * count, y + b * count);
  }
}

}  // namespace caracal::model
