#include "app/ui/timeline/lane.h"

#include <algorithm>
#include <array>
#include <cassert>

namespace caracal::ui {
namespace {

static_assert(static_cast<size_t>(Paint::kCount) <= 32, "paints() has a bit for every paint");

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

// One level up: onNode() of every kFanOut of `count` children, which `child(i)` gives as nodes.
template <class Child, class OnNode>
void raised(size_t count, const Child& child, const OnNode& onNode) {
  for (size_t first = 0; first < count; first += Lane::kFanOut) {
    Majority majority;
    Lane::Node node;
    for (size_t i = first; i < std::min(first + Lane::kFanOut, count); ++i) {
      const Lane::Node part = child(i);
      if (i == first) node.beginNs = part.beginNs;
      node.endNs = part.endNs;
      node.busyNs += part.busyNs;
      node.longestNs = std::max(node.longestNs, part.longestNs);
      majority.add(part.style, part.busyNs);
    }
    node.style = majority.style();
    onNode(node);
  }
}

}  // namespace

Lane::Lane(std::vector<Block> blocks) : m_blocks(std::move(blocks)), m_count(m_blocks.size()) {
  assert(std::is_sorted(m_blocks.begin(), m_blocks.end(),
                        [](const Block& a, const Block& b) { return a.beginNs < b.beginNs; }) &&
         "a lane's blocks come in time order");
  raise();
}

Lane::Lane(std::shared_ptr<const EventBlocks> events, trace::EventIndex first, size_t count)
    : m_events(std::move(events)), m_first(first), m_count(count) {
  raise();
}

Lane::Lane(std::shared_ptr<const EventBlocks> events, trace::PackedColumn picked)
    : m_events(std::move(events)), m_picked(std::move(picked)), m_count(m_picked.size()) {
  raise();
}

void Lane::raise() {
  Reader reader(*this);
  const auto leaf = [&](size_t i) {
    const Span s = reader.span(i);
    const BlockStyle painted = reader.style(i);
    m_paints |= uint32_t{1} << static_cast<unsigned>(painted.paint);
    return Node{s.beginNs, std::max(s.endNs, s.beginNs + 1), s.lengthNs(),
                static_cast<float>(s.lengthNs()), painted};
  };
  if (m_count < kFanOut) {
    for (size_t i = 0; i < m_count; ++i) leaf(i);
    return;
  }
  m_leaves.reserve(m_count / kFanOut + 1);
  raised(m_count, leaf, [this](const Node& node) {
    m_leaves.push_back({node.busyNs, node.longestNs, node.style});
  });
  for (size_t below = m_leaves.size(); below >= kFanOut; below = m_levels.back().size()) {
    std::vector<Node> nodes;
    nodes.reserve(below / kFanOut + 1);
    raised(
        below, [&](size_t i) { return reader.node(levels(), i); },
        [&](const Node& node) { nodes.push_back(node); });
    m_levels.push_back(std::move(nodes));
  }
}

Block Lane::operator[](size_t i) const {
  if (m_events == nullptr) return m_blocks[i];
  const uint32_t event = source(i);
  const Span s = m_events->span(event);
  return {s.beginNs, s.endNs, event, m_events->style(event)};
}

size_t Lane::firstFrom(int64_t timeNs) const {
  size_t low = 0, high = m_count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (span(middle).beginNs < timeNs) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

std::pair<size_t, size_t> Lane::touching(Span window) const {
  // Blocks do not overlap, so only the last one before the window can reach into it.
  size_t first = firstFrom(window.beginNs);
  if (first > 0 && span(first - 1).endNs > window.beginNs) --first;
  return {first, std::max(first, firstFrom(window.endNs))};
}

size_t Lane::at(int64_t timeNs, int64_t toleranceNs) const {
  // Without overlap the nearest block is the last that begins at or before the time, or the next
  // one.
  const size_t after = firstAfter(timeNs);
  const auto distance = [&](size_t i) {
    const Span s = span(i);
    return std::max({s.beginNs - timeNs, timeNs - std::max(s.endNs - 1, s.beginNs), int64_t{0}});
  };
  size_t best = m_count;
  for (size_t i = after > 0 ? after - 1 : 0; i < std::min(after + 1, m_count); ++i) {
    if (distance(i) <= toleranceNs && (best == m_count || distance(i) < distance(best))) best = i;
  }
  return best;
}

size_t Lane::memoryBytes() const {
  size_t bytes = m_blocks.capacity() * sizeof(Block) + m_picked.memoryBytes() +
                 m_leaves.capacity() * sizeof(Leaf);
  for (const std::vector<Node>& level : m_levels) bytes += level.capacity() * sizeof(Node);
  return bytes;
}

std::vector<Lane> spreadOverLanes(const std::vector<Block>& blocks) {
  std::vector<std::vector<Block>> lanes;
  LaneEnds ends;
  for (const Block& block : blocks) {
    const size_t lane = ends.place(block.span());
    if (lane == lanes.size()) lanes.emplace_back();
    lanes[lane].push_back(block);
  }
  std::vector<Lane> result;
  result.reserve(lanes.size());
  for (std::vector<Block>& lane : lanes) result.emplace_back(std::move(lane));
  return result;
}

}  // namespace caracal::ui
