#include "core/planner/variant_table.h"

#include <cassert>

namespace caracal::planner {
namespace {

std::vector<uint8_t> keyOf(const std::vector<plan::Placement>& placements) {
  std::vector<uint8_t> key;
  for (const plan::Placement placement : placements) {
    const auto window = placement.kind == plan::PlacementKind::kWindow
                            ? static_cast<uint8_t>(placement.window)
                            : uint8_t{0};
    key.push_back(static_cast<uint8_t>(static_cast<unsigned>(placement.kind) << 4 | window));
  }
  return key;
}

}  // namespace

VariantId VariantTable::add(int32_t kind, const std::vector<plan::Placement>& placements) {
  const auto [known, isNew] =
      m_known.try_emplace({kind, keyOf(placements)}, static_cast<VariantId>(m_entries.size()));
  if (isNew) {
    auto entry = std::make_unique<Entry>();
    entry->kind = kind;
    entry->placements = placements;
    entry->places.resize(m_model.shape().profile.kinds.size() + 1);
    m_entries.push_back(std::move(entry));
  }
  return known->second;
}

Chain VariantTable::chainOf(const std::vector<plan::LayerPolicy>& layers) {
  const plan::StageShape& shape = m_model.shape();
  Chain chain;
  for (size_t l = 0; l < layers.size(); ++l) {
    const size_t layer = static_cast<size_t>(shape.firstLayer()) + l;
    chain.push_back(add(static_cast<int32_t>(shape.profile.layers[layer]), layers[l].placements));
  }
  return chain;
}

std::vector<plan::LayerPolicy> VariantTable::policiesOf(const Chain& layers) const {
  std::vector<plan::LayerPolicy> policies;
  for (const VariantId layer : layers) policies.push_back({placements(layer)});
  return policies;
}

VariantTable::Place& VariantTable::place(VariantId variant, int32_t above) {
  Entry& entry = *m_entries[variant];
  std::unique_ptr<Place>& place = entry.places[static_cast<size_t>(above + 1)];
  if (!place) {
    place = std::make_unique<Place>();
    place->variant = m_model.variantOf(entry.kind, above, entry.placements);
  }
  return *place;
}

const LayerVariant& VariantTable::at(VariantId variant, int32_t above) {
  return place(variant, above).variant;
}

const VariantBytes& VariantTable::bytesAt(VariantId variant, int32_t above) {
  Place& found = place(variant, above);
  if (!found.bytes) {
    found.bytes = std::make_unique<VariantBytes>(
        m_model.bytesOf(found.variant, m_entries[variant]->placements));
  }
  return *found.bytes;
}

int64_t VariantTable::backwardOverflowNs(const Chain& layers, size_t layer) {
  const VariantId below = layer > 0 ? layers[layer - 1] + 1 : 0;
  const auto [known, isNew] = m_overflowNs.try_emplace({layers[layer], below}, 0);
  if (isNew) {
    const LayerVariant& upper = at(layers[layer], kindAbove(layers, layer));
    const LayerVariant* lower = layer > 0 ? &at(layers[layer - 1], kindOf(layers[layer])) : nullptr;
    known->second = m_model.backwardOverflowNs(upper, lower);
  }
  return known->second;
}

PassTimes VariantTable::passTimes(const Chain& layers) {
  assert(layers.size() == static_cast<size_t>(m_model.shape().plan.layerCount()));
  PassTimes times = m_model.plainTimes();
  for (size_t l = 0; l < layers.size(); ++l) {
    const LayerVariant& variant = at(layers[l], kindAbove(layers, l));
    times.forwardFilledNs += variant.forwardExtraNs;
    times.backwardNs += variant.onDemandNs + backwardOverflowNs(layers, l);
    times.pipeNs += variant.pipeNs;
    times.pipeTailNs += variant.pipeTailNs;
  }
  return times;
}

int64_t VariantTable::peakBytes(const Chain& layers) {
  std::vector<const VariantBytes*> bytes;
  for (size_t l = 0; l < layers.size(); ++l)
    bytes.push_back(&bytesAt(layers[l], kindAbove(layers, l)));
  return m_model.peaks(bytes).bytes();
}

}  // namespace caracal::planner
