// Repeating patterns in sequences of symbols: how layers show in the kernels of a pass.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace caracal::profile {

// Elements [begin, end) of a sequence.
struct Stretch {
  size_t begin = 0;
  size_t end = 0;
  bool operator==(const Stretch&) const = default;
};

// Where the pattern stands that covers most of the sequence, disjoint and in order; of patterns
// that cover the same the shortest. A pattern stands at least twice in a row somewhere. What comes
// before, between and after (embeddings, a layer that differs) may be anything. Empty: nothing
// repeats.
std::vector<Stretch> findPattern(const std::vector<uint32_t>& symbols);

}  // namespace caracal::profile
