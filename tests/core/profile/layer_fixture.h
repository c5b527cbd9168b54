// Layers of the standard operator table, at the sizes of Korthikanti et al.'s 22 B model.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "core/profile/model_structure.h"

namespace caracal::profile::fixture {

struct Sizes22B {
  int64_t a = 64, h = 6144, b = 4, s = 2048;
  int64_t A() const { return s * b * h; }
};

inline ModelDescription describe(const Sizes22B& sizes, int32_t tensor,
                                 bool sequenceParallel = false) {
  ModelDescription model;
  model.shape.layers = 1;
  model.shape.hidden = sizes.h;
  model.shape.heads = sizes.a;
  model.shape.sequence = sizes.s;
  model.shape.vocabulary = 51200;
  model.shape.microBatchSize = sizes.b;
  model.shape.dropout = 0.1;
  model.dropoutMaskBytes = 1;
  model.parallel.tensor = tensor;
  model.parallel.sequenceParallel = sequenceParallel;
  return model;
}

inline ModelStructure made(const ModelDescription& model) {
  EXPECT_TRUE(validate(model)) << validate(model).error().text();
  auto structure = structureOf(model);
  EXPECT_TRUE(structure) << structure.error().text();
  return structure ? *structure : ModelStructure{};
}

inline LayerKind layerOf(const ModelDescription& model) {
  return made(model).kinds.front().kind;
}

inline const Operator& find(const LayerKind& kind, const std::string& id) {
  const int index = kind.indexOf(id);
  EXPECT_GE(index, 0) << id;
  return kind.operators[static_cast<size_t>(std::max(index, 0))];
}

inline const Window& findWindow(const LayerKind& kind, const std::string& id) {
  const Window* window = kind.window(id);
  EXPECT_NE(window, nullptr) << id;
  return window != nullptr ? *window : kind.windows.front();
}

inline int64_t savedBytes(const LayerKind& kind, const std::set<std::string>& recomputed = {}) {
  int64_t total = kind.inputBytes;
  for (const Operator& op : kind.operators) total += recomputed.contains(op.id) ? 0 : op.savedBytes;
  return total;
}

inline std::vector<std::string> idsOf(const LayerKind& kind) {
  std::vector<std::string> ids;
  for (const Operator& op : kind.operators) ids.push_back(op.id);
  return ids;
}

inline std::vector<std::string> windowIdsOf(const LayerKind& kind) {
  std::vector<std::string> ids;
  for (const Window& window : kind.windows) ids.push_back(window.id + " after " + window.after);
  return ids;
}

}  // namespace caracal::profile::fixture
