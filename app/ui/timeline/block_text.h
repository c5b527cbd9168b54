// Words for blocks: the short text inside one, and the full description for tooltip and details
// panel.
#pragma once

#include <QString>
#include <string>
#include <string_view>
#include <vector>

#include "app/ui/timeline/scene.h"

namespace caracal::ui {

// A kernel or function name without return type, template arguments, parameters and namespaces:
// "void at::native::vectorized_elementwise_kernel<4, ...>(int)" -> "vectorized_elementwise_kernel".
std::string_view shortName(std::string_view name);

// The text inside a block: "F3", "qkv", "ReduceScatter"; for a bubble its cause. Valid while the
// scene lives or until the next call with the same buffer.
std::string_view blockText(const Scene& scene, uint32_t row, const Block& block,
                           std::string& buffer);

// A line of a details table. `value` is what Copy gives.
struct BlockFact {
  QString name;
  QString value;
  bool operator==(const BlockFact&) const = default;
};
// Everything known about a block, the most asked-for first.
std::vector<BlockFact> describeBlock(const Scene& scene, const BlockRef& ref);

}  // namespace caracal::ui
