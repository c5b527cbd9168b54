// VariantTable: pass lengths and peak memory of one stage whose layers may differ, exactly as the
// simulator would find them. Policies are entered once and named by number; what depends on a layer
// alone or on two neighbours is worked out once and looked up from then on.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "core/planner/stage_model.h"

namespace caracal::planner {

using VariantId = uint32_t;
using Chain = std::vector<VariantId>;  // of a stage's layers, bottom first

class VariantTable {
 public:
  // REQUIRES that `model` outlives this.
  explicit VariantTable(const StageModel& model) : m_model(model) {}

  // The number of this policy for layers of `kind`; the same one each time. REQUIRES of the last
  // operator what KindPolicies requires.
  VariantId add(int32_t kind, const std::vector<plan::Placement>& placements);

  size_t size() const { return m_entries.size(); }
  int32_t kindOf(VariantId variant) const { return m_entries[variant]->kind; }
  const std::vector<plan::Placement>& placements(VariantId variant) const {
    return m_entries[variant]->placements;
  }

  // The stage's layers, bottom first, and back.
  Chain chainOf(const std::vector<plan::LayerPolicy>& layers);
  std::vector<plan::LayerPolicy> policiesOf(const Chain& layers) const;

  // REQUIRES one variant per layer, of that layer's kind.
  PassTimes passTimes(const Chain& layers);
  int64_t peakBytes(const Chain& layers);

  // The variant with a layer of kind `above` on top of it (kNoKind: nothing).
  const LayerVariant& at(VariantId variant, int32_t above);
  const VariantBytes& bytesAt(VariantId variant, int32_t above);

 private:
  struct Place {
    LayerVariant variant;
    std::unique_ptr<VariantBytes> bytes;
  };
  struct Entry {
    int32_t kind = 0;
    std::vector<plan::Placement> placements;
    std::vector<std::unique_ptr<Place>> places;  // by kind above, the first for kNoKind
  };
  Place& place(VariantId variant, int32_t above);
  int32_t kindAbove(const Chain& layers, size_t layer) const {
    return layer + 1 < layers.size() ? kindOf(layers[layer + 1]) : kNoKind;
  }
  int64_t backwardOverflowNs(const Chain& layers, size_t layer);

  const StageModel& m_model;
  std::vector<std::unique_ptr<Entry>> m_entries;
  std::map<std::pair<int32_t, std::vector<uint8_t>>, VariantId> m_known;
  // By upper variant, and lower variant + 1 (0: none), both below the top layer or not: own.* work
  // does not depend on what lies above.
  std::map<std::pair<VariantId, VariantId>, int64_t> m_overflowNs;
};

}  // namespace caracal::planner
