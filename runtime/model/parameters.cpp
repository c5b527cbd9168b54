#include "runtime/model/parameters.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "runtime/kernels/philox.h"

namespace caracal::model {
namespace {

constexpr float kDeviation = 0.02F;  // Radford et al., GPT-2
constexpr uint32_t kPlacesPerLayer = 16;
constexpr uint32_t kFirstEndPlace = 0;
constexpr uint32_t kLastEndPlace = 8;  // layers start at kPlacesPerLayer
constexpr size_t kFirstEndSpecs = 2;
constexpr size_t kLayerSpecs = 12;
constexpr size_t kLastEndSpecs = 3;
constexpr uint64_t kInitialValues = 0x1D1A5EEDULL;  // keeps these numbers apart from dropout's

// Standard normal number `index` of a parameter (Box and Muller, 1958).
float normalAt(uint64_t seed, uint32_t place, int64_t index) {
  const auto block = static_cast<uint64_t>(index / 4);
  const auto lane = static_cast<size_t>(index % 4);
  const kernels::PhiloxBlock words =
      kernels::philox({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), place, 0},
                      seed ^ kInitialValues);
  const double u = (words[lane / 2 * 2] + 1.0) / 4294967296.0;
  const double angle = 2 * std::numbers::pi * words[lane / 2 * 2 + 1] / 4294967296.0;
  const double radius = std::sqrt(-2 * std::log(u));
  return static_cast<float>(radius * (lane % 2 == 0 ? std::cos(angle) : std::sin(angle)));
}

ParameterSpec matrix(std::string name, int64_t outer, int64_t split, int64_t inner,
                     float deviation) {
  ParameterSpec spec;
  spec.name = std::move(name);
  spec.outer = outer;
  spec.split = split;
  spec.inner = inner;
  spec.deviation = deviation;
  spec.decays = true;
  return spec;
}

ParameterSpec vector(std::string name, int64_t outer, int64_t split, float constant) {
  ParameterSpec spec;
  spec.name = std::move(name);
  spec.outer = outer;
  spec.split = split;
  spec.constant = constant;
  return spec;
}

ParameterSpec sharded(ParameterSpec spec, const RankShape& shape) {
  spec.shards = shape.tensorSize;
  spec.shard = shape.tensorIndex;
  return spec;
}

ParameterSpec placed(ParameterSpec spec, uint32_t place) {
  spec.place = place;
  return spec;
}

void addLayer(const RankShape& shape, const HeldLayers& layers, int32_t layer,
              std::vector<ParameterSpec>& specs) {
  const int64_t h = shape.hidden;
  const std::string prefix = fmt::format("layer{}.", layer);
  // Projections back into the residual stream start smaller, so that its variance does not grow
  // with depth.
  const float residual = kDeviation / std::sqrt(2.0F * static_cast<float>(layers.ofModel));
  uint32_t place = kPlacesPerLayer * static_cast<uint32_t>(layer + 1);
  const auto put = [&](ParameterSpec spec) {
    spec.name = prefix + spec.name;
    specs.push_back(placed(std::move(spec), place++));
  };
  put(vector("ln1.gamma", 1, h, 1));
  put(vector("ln1.beta", 1, h, 0));
  put(sharded(matrix("qkv.weight", 3, h, h, kDeviation), shape));  // (3, heads * width, h)
  put(sharded(vector("qkv.bias", 3, h, 0), shape));                // (3, heads * width)
  put(sharded(matrix("proj.weight", h, h, 1, residual), shape));   // (h, heads * width)
  put(vector("proj.bias", 1, h, 0));
  put(vector("ln2.gamma", 1, h, 1));
  put(vector("ln2.beta", 1, h, 0));
  put(sharded(matrix("fc1.weight", 1, shape.ffn, h, kDeviation), shape));  // (f, h)
  put(sharded(vector("fc1.bias", 1, shape.ffn, 0), shape));                // (f)
  put(sharded(matrix("fc2.weight", h, shape.ffn, 1, residual), shape));    // (h, f)
  put(vector("fc2.bias", 1, h, 0));
}

void addFirst(const RankShape& shape, std::vector<ParameterSpec>& specs) {
  specs.push_back(placed(matrix("embed.tokens", 1, shape.vocabulary, shape.hidden, kDeviation),
                         kFirstEndPlace));
  specs.push_back(placed(matrix("embed.positions", 1, shape.sequence, shape.hidden, kDeviation),
                         kFirstEndPlace + 1));
}

void addLast(const RankShape& shape, std::vector<ParameterSpec>& specs) {
  specs.push_back(placed(vector("final_ln.gamma", 1, shape.hidden, 1), kLastEndPlace));
  specs.push_back(placed(vector("final_ln.beta", 1, shape.hidden, 0), kLastEndPlace + 1));
  specs.push_back(placed(matrix("head.weight", 1, shape.vocabulary, shape.hidden, kDeviation),
                         kLastEndPlace + 2));
}

}  // namespace

int64_t ParameterSpec::globalIndex(int64_t local) const {
  const int64_t width = split / shards;
  const int64_t o = local / (width * inner);
  const int64_t s = local / inner % width;
  return (o * split + shard * width + s) * inner + local % inner;
}

std::vector<ParameterSpec> parameterSpecs(const RankShape& shape, const HeldLayers& layers) {
  std::vector<ParameterSpec> specs;
  if (layers.holdsFirstEnd()) addFirst(shape, specs);
  for (const int32_t layer : layers.layers) addLayer(shape, layers, layer, specs);
  if (layers.holdsLastEnd()) addLast(shape, specs);
  int64_t offset = 0;
  for (ParameterSpec& spec : specs) {
    spec.offset = offset;
    offset += spec.count();
    spec.summedOverRows = shape.sequenceParallel && spec.shards == 1;
  }
  // The head reads all rows, gathered.
  if (layers.holdsLastEnd()) specs.back().summedOverRows = false;
  return specs;
}

size_t HeldLayers::indexOf(int32_t layer) const {
  return static_cast<size_t>(std::lower_bound(layers.begin(), layers.end(), layer) -
                             layers.begin());
}

int64_t ParameterLayout::count() const {
  return m_specs.empty() ? 0 : m_specs.back().offset + m_specs.back().count();
}

size_t ParameterLayout::firstSpecOf(int32_t layer) const {
  const size_t before = m_layers.holdsFirstEnd() ? kFirstEndSpecs : 0;
  return before + m_layers.indexOf(layer) * kLayerSpecs;
}

const ParameterSpec& ParameterLayout::at(int32_t layer, LayerParameter which) const {
  return m_specs[firstSpecOf(layer) + static_cast<size_t>(which)];
}

const ParameterSpec& ParameterLayout::at(FirstParameter which) const {
  return m_specs[static_cast<size_t>(which)];
}

const ParameterSpec& ParameterLayout::at(LastParameter which) const {
  return m_specs[m_specs.size() - kLastEndSpecs + static_cast<size_t>(which)];
}

ParameterLayout::Range ParameterLayout::range(size_t firstSpec, size_t specs) const {
  const ParameterSpec& last = m_specs[firstSpec + specs - 1];
  const int64_t begin = m_specs[firstSpec].offset;
  return {begin, last.offset + last.count() - begin};
}

ParameterLayout::Range ParameterLayout::layer(int32_t layer) const {
  return range(firstSpecOf(layer), kLayerSpecs);
}

ParameterLayout::Range ParameterLayout::firstEnd() const {
  return range(0, kFirstEndSpecs);
}

ParameterLayout::Range ParameterLayout::lastEnd() const {
  return range(m_specs.size() - kLastEndSpecs, kLastEndSpecs);
}

ParameterStore::ParameterStore(const RankShape& shape, const HeldLayers& layers, uint64_t seed,
                               int32_t replica)
    : m_layout(shape, layers),
      m_buckets(bucketsOf(m_layout, layers.reductions)),
      m_owned(ownedRanges(m_buckets, replica, layers.reductions.stateShards)) {
  const auto total = static_cast<size_t>(m_layout.count());
  m_weights.resize(total);
  m_gradients.resize(total);
  const auto state = static_cast<size_t>(stateCount(m_buckets, layers.reductions.stateShards));
  m_moment1.resize(state);
  m_moment2.resize(state);
  for (const ParameterSpec& spec : specs()) initialise(spec, seed);
}

void ParameterStore::initialise(const ParameterSpec& spec, uint64_t seed) {
  float* weight = m_weights.data() + spec.offset;
  for (int64_t i = 0; i < spec.count(); ++i) {
    weight[i] = spec.deviation > 0
                    ? spec.deviation * normalAt(seed, spec.place, spec.globalIndex(i))
                    : spec.constant;
  }
}

ParameterStore::View ParameterStore::view(const ParameterSpec& spec) {
  return {m_weights.data() + spec.offset, m_gradients.data() + spec.offset};
}

ParameterStore::View ParameterStore::at(int32_t layer, LayerParameter which) {
  return view(m_layout.at(layer, which));
}

ParameterStore::View ParameterStore::at(FirstParameter which) {
  return view(m_layout.at(which));
}

ParameterStore::View ParameterStore::at(LastParameter which) {
  return view(m_layout.at(which));
}

int64_t ParameterStore::bytes() const {
  const size_t numbers =
      m_weights.size() + m_gradients.size() + m_moment1.size() + m_moment2.size();
  return static_cast<int64_t>(numbers * sizeof(float));
}

void ParameterStore::update(const kernels::AdamwOptions& options, int32_t update) {
  for (const ParameterSpec& spec : specs()) {
    kernels::AdamwOptions own = options;
    if (!spec.decays) own.weightDecay = 0;
    forEachOwned(spec, m_owned, [&](int64_t begin, int64_t count, int64_t state) {
      kernels::adamw(own, update, count, m_gradients.data() + begin, m_weights.data() + begin,
                     m_moment1.data() + state, m_moment2.data() + state);
    });
  }
  std::fill(m_gradients.begin(), m_gradients.end(), 0.0F);
}

}  // namespace caracal::model
