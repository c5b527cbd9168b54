// Lane: non-overlapping blocks in time order, with a pyramid that answers "what is in this span?"
// in logarithmic time, so that a frame costs pixels and not events.
//
// Level 0 are the blocks; a node of level k stands for kFanOut^k of them and holds the exact sum of
// their durations, the longest of them, and the style that takes most of the sum. Immutable; safe
// to read from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "app/ui/theme/palette.h"
#include "core/base/intervals.h"

namespace caracal::ui {

struct BlockStyle {
  Paint paint = Paint::kOther;
  uint8_t shade = 0;  // 0 to 3: tells equal paints with different names apart
  bool operator==(const BlockStyle&) const = default;
};

// 24 bytes. Times are scene times (Scene::Run::shiftNs applied).
struct Block {
  int64_t beginNs = 0;
  int64_t endNs = 0;    // exclusive; equal to beginNs for an instant
  uint32_t source = 0;  // event index in the run's trace; for bubbles an index into Scene::bubbles
  BlockStyle style;
  bool operator==(const Block&) const = default;
  Span span() const { return {beginNs, endNs}; }
  int64_t durationNs() const { return endNs - beginNs; }
};
static_assert(sizeof(Block) == 24);

class Lane {
 public:
  static constexpr size_t kFanOutBits = 4;
  static constexpr size_t kFanOut = size_t{1} << kFanOutBits;
  struct Node {
    int64_t busyNs = 0;
    int64_t longestNs = 0;  // lets a search for blocks that can hold a label skip the rest
    BlockStyle style;
  };

  Lane() = default;
  // REQUIRES blocks sorted by begin, none overlapping the next.
  explicit Lane(std::vector<Block> blocks);

  const std::vector<Block>& blocks() const { return m_blocks; }
  bool empty() const { return m_blocks.empty(); }
  // Index range of the blocks that touch `span` (an instant at its begin does).
  std::pair<size_t, size_t> touching(Span span) const;
  // The block at `timeNs`, or the nearest one within `toleranceNs`; blocks().size(): none.
  size_t at(int64_t timeNs, int64_t toleranceNs) const;

  size_t levels() const { return m_levels.size(); }
  // Node `index` of level 1 .. levels(): blocks [index << (4 level), ...).
  const Node& node(size_t level, size_t index) const { return m_levels[level - 1][index]; }

  // Walks blocks [first, last) in order, as whole nodes where `wants(level, index, begin, end)`
  // says that node `index` of `level`, blocks [begin, end), needs no closer look: onNode(node,
  // begin, end) for those, onBlock(index) for the rest. What it says of a node must hold for the
  // node's parts.
  template <class Wants, class OnNode, class OnBlock>
  void walk(size_t first, size_t last, const Wants& wants, const OnNode& onNode,
            const OnBlock& onBlock) const;

 private:
  std::vector<Block> m_blocks;
  std::vector<std::vector<Node>> m_levels;
};

template <class Wants, class OnNode, class OnBlock>
void Lane::walk(size_t first, size_t last, const Wants& wants, const OnNode& onNode,
                const OnBlock& onBlock) const {
  for (size_t i = first; i < last;) {
    size_t level = 0;
    size_t size = 1;
    while (level < levels()) {
      const size_t wider = size << kFanOutBits;
      if (i % wider != 0 || i + wider > last ||
          !wants(level + 1, i >> (kFanOutBits * (level + 1)), i, i + wider)) {
        break;
      }
      ++level;
      size = wider;
    }
    if (level == 0) {
      onBlock(i);
    } else {
      onNode(node(level, i >> (kFanOutBits * level)), i, i + size);
    }
    i += size;
  }
}

// Blocks in any order and overlapping, spread over as few lanes as first-fit needs: nested spans
// land one lane below their parent, overlapping ones beside each other. Nothing is left out.
// REQUIRES sorted by (begin, longer first), as tracks are.
std::vector<Lane> spreadOverLanes(const std::vector<Block>& blocks);

}  // namespace caracal::ui
