#include "app/ui/timeline/lane.h"

#include <algorithm>
#include <array>
#include <cassert>

namespace caracal::ui {
namespace {

// The style with the largest share of a handful of (style, weight) pairs.
class Majority {
 public:
  void add(BlockStyle style, int64_t weight) {
    for (size_t i = 0; i < m_used; ++i) {
      if (m_styles[i] == style) {
        m_weights[i] += weight;
        return;
      }
    }
    m_styles[m_used] = style;
    m_weights[m_used++] = weight;
  }
  BlockStyle style() const {
    const auto best =
        std::max_element(m_weights.begin(), m_weights.begin() + static_cast<ptrdiff_t>(m_used));
    return m_styles[static_cast<size_t>(best - m_weights.begin())];
  }

 private:
  std::array<BlockStyle, Lane::kFanOut> m_styles{};
  std::array<int64_t, Lane::kFanOut> m_weights{};
  size_t m_used = 0;
};

// One level up: `count` children, read through `child(i)` -> Node.
template <class Child>
std::vector<Lane::Node> raise(size_t count, const Child& child) {
  std::vector<Lane::Node> nodes;
  nodes.reserve(count / Lane::kFanOut + 1);
  for (size_t first = 0; first < count; first += Lane::kFanOut) {
    Majority majority;
    Lane::Node node;
    for (size_t i = first; i < std::min(first + Lane::kFanOut, count); ++i) {
      const Lane::Node part = child(i);
      node.busyNs += part.busyNs;
      node.longestNs = std::max(node.longestNs, part.longestNs);
      majority.add(part.style, part.busyNs);
    }
    node.style = majority.style();
    nodes.push_back(node);
  }
  return nodes;
}

}  // namespace

Lane::Lane(std::vector<Block> blocks) : m_blocks(std::move(blocks)) {
  assert(std::is_sorted(m_blocks.begin(), m_blocks.end(),
                        [](const Block& a, const Block& b) { return a.beginNs < b.beginNs; }) &&
         "a lane's blocks come in time order");
  if (m_blocks.size() < kFanOut) return;
  m_levels.push_back(raise(m_blocks.size(), [this](size_t i) {
    return Node{m_blocks[i].durationNs(), m_blocks[i].durationNs(), m_blocks[i].style};
  }));
  while (m_levels.back().size() >= kFanOut) {
    const std::vector<Node>& below = m_levels.back();
    m_levels.push_back(raise(below.size(), [&below](size_t i) { return below[i]; }));
  }
}

std::pair<size_t, size_t> Lane::touching(Span span) const {
  // Blocks do not overlap, so ends ascend with begins.
  const auto first = std::partition_point(m_blocks.begin(), m_blocks.end(), [&](const Block& b) {
    return b.endNs <= span.beginNs && b.beginNs < span.beginNs;
  });
  const auto last = std::partition_point(first, m_blocks.end(),
                                         [&](const Block& b) { return b.beginNs < span.endNs; });
  return {static_cast<size_t>(first - m_blocks.begin()),
          static_cast<size_t>(last - m_blocks.begin())};
}

size_t Lane::at(int64_t timeNs, int64_t toleranceNs) const {
  // Without overlap the nearest block is the last that begins at or before the time, or the next
  // one.
  const auto after = static_cast<size_t>(
      std::partition_point(m_blocks.begin(), m_blocks.end(),
                           [&](const Block& b) { return b.beginNs <= timeNs; }) -
      m_blocks.begin());
  const auto distance = [&](size_t i) {
    const Block& b = m_blocks[i];
    return std::max({b.beginNs - timeNs, timeNs - std::max(b.endNs - 1, b.beginNs), int64_t{0}});
  };
  size_t best = m_blocks.size();
  for (size_t i = after > 0 ? after - 1 : 0; i < std::min(after + 1, m_blocks.size()); ++i) {
    if (distance(i) <= toleranceNs && (best == m_blocks.size() || distance(i) < distance(best)))
      best = i;
  }
  return best;
}

std::vector<Lane> spreadOverLanes(const std::vector<Block>& blocks) {
  std::vector<std::vector<Block>> lanes;
  std::vector<int64_t> lastEnds;
  for (const Block& block : blocks) {
    const auto free = std::find_if(lastEnds.begin(), lastEnds.end(),
                                   [&](int64_t end) { return end <= block.beginNs; });
    const auto lane = static_cast<size_t>(free - lastEnds.begin());
    if (free == lastEnds.end()) {
      lastEnds.push_back(0);
      lanes.emplace_back();
    }
    lastEnds[lane] = block.endNs;
    lanes[lane].push_back(block);
  }
  std::vector<Lane> result;
  result.reserve(lanes.size());
  for (std::vector<Block>& lane : lanes) result.emplace_back(std::move(lane));
  return result;
}

}  // namespace caracal::ui
