// Lane: non-overlapping blocks in time order, with a pyramid that answers "what is in this span?"
// in logarithmic time, so that a frame costs pixels and not events.
//
// The blocks of a track are its events, read from the trace's columns: a lane of all of them holds
// no more than their range, a lane of some a packed column of their indices (about a byte each).
// Lanes that are no events (bubbles, passes of a stage) hold their blocks.
//
// A node of the pyramid stands for kFanOut blocks, one of the next level for kFanOut nodes, and so
// on: 6.7 bytes a block in all, for nodes of the lowest level take their times from their blocks.
// Immutable; safe to read from any thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "app/ui/timeline/block.h"
#include "app/ui/timeline/event_blocks.h"
#include "core/trace/packed_column.h"
#include "core/trace/packed_reader.h"

namespace caracal::ui {

class Lane {
 public:
  static constexpr size_t kFanOut = 4;
  struct Node {
    int64_t beginNs = 0;  // of the first block
    int64_t endNs = 0;    // of the last block; one past an instant
    int64_t busyNs = 0;   // sum of the durations
    float longestNs = 0;  // lets a search for blocks that can hold a label skip the rest
    BlockStyle style;     // takes most of the sum
  };
  static_assert(sizeof(Node) == 32);

  Lane() = default;
  // REQUIRES blocks sorted by begin, none overlapping the next; the same of the events below.
  explicit Lane(std::vector<Block> blocks);
  // The events [first, first + count).
  Lane(std::shared_ptr<const EventBlocks> events, trace::EventIndex first, size_t count);
  // The events whose indices `picked` holds, ascending.
  Lane(std::shared_ptr<const EventBlocks> events, trace::PackedColumn picked);

  size_t size() const { return m_count; }
  bool empty() const { return m_count == 0; }
  Block operator[](size_t i) const;
  Span span(size_t i) const {
    return m_events == nullptr ? m_blocks[i].span() : m_events->span(source(i));
  }
  // Block::source of block i.
  uint32_t source(size_t i) const {
    if (m_events == nullptr) return m_blocks[i].source;
    return m_picked.size() == 0 ? m_first + static_cast<uint32_t>(i)
                                : static_cast<uint32_t>(m_picked[i]);
  }
  BlockStyle style(size_t i) const {
    return m_events == nullptr ? m_blocks[i].style : m_events->style(source(i));
  }

  // The first block that begins at `timeNs` or later (later only); size() when there is none.
  size_t firstFrom(int64_t timeNs) const;
  size_t firstAfter(int64_t timeNs) const { return firstFrom(timeNs + 1); }
  // Index range of the blocks that touch `span` (an instant at its begin does).
  std::pair<size_t, size_t> touching(Span span) const;
  // The block at `timeNs`, or the nearest one within `toleranceNs`; size(): none.
  size_t at(int64_t timeNs, int64_t toleranceNs) const;

  size_t levels() const { return m_leaves.empty() ? 0 : 1 + m_levels.size(); }
  // Blocks below a node of level 1 .. levels().
  static constexpr size_t nodeSize(size_t level) { return size_t{1} << (2 * level); }
  static_assert(kFanOut == 4);
  // Blocks and nodes that lie near each other.
  class Reader;
  // Which paints occur: bit p for Paint p.
  uint32_t paints() const { return m_paints; }
  size_t memoryBytes() const;

  // Walks blocks [first, last) in order, as whole nodes where `wants(node)` says that one needs no
  // closer look: onNode(node) for those, onBlock(index, span) for the rest. What it says of a node
  // must hold for the node's parts.
  template <class Wants, class OnNode, class OnBlock>
  void walk(size_t first, size_t last, const Wants& wants, const OnNode& onNode,
            const OnBlock& onBlock) const;

 private:
  // A node of level 1, whose times are those of its blocks.
  struct Leaf {
    int64_t busyNs = 0;
    float longestNs = 0;
    BlockStyle style;
  };
  static_assert(sizeof(Leaf) == 16);

  void raise();

  std::vector<Block> m_blocks;
  std::shared_ptr<const EventBlocks> m_events;  // null: m_blocks
  trace::EventIndex m_first = 0;
  trace::PackedColumn m_picked;
  size_t m_count = 0;
  uint32_t m_paints = 0;
  std::vector<Leaf> m_leaves;
  std::vector<std::vector<Node>> m_levels;  // from level 2 on
};

// Reads blocks and nodes that lie near each other faster than span() could. `lane` must outlive it;
// not to be shared between threads.
class Lane::Reader {
 public:
  explicit Reader(const Lane& lane) : m_lane(lane), m_picked(lane.m_picked) {
    if (lane.m_events == nullptr) return;
    const trace::EventStore& events = lane.m_events->trace().data().events;
    m_columns = {trace::PackedReader(events.begin), trace::PackedReader(events.duration),
                 trace::PackedReader(events.kind), trace::PackedReader(events.name)};
  }
  Span span(size_t i) {
    if (m_lane.m_events == nullptr) return m_lane.m_blocks[i].span();
    const size_t event = source(i);
    const int64_t beginNs = m_columns.begin[event] + m_lane.m_events->shiftNs();
    return {beginNs, beginNs + m_columns.duration[event]};
  }
  BlockStyle style(size_t i) {
    if (m_lane.m_events == nullptr) return m_lane.m_blocks[i].style;
    const size_t event = source(i);
    return m_lane.m_events->style(static_cast<trace::EventIndex>(event),
                                  static_cast<trace::EventKind>(m_columns.kind[event]),
                                  static_cast<trace::NameId>(m_columns.name[event]));
  }
  Node node(size_t level, size_t index) {
    if (level > 1) return m_lane.m_levels[level - 2][index];
    const Leaf& leaf = m_lane.m_leaves[index];
    const size_t first = index * kFanOut;
    const Span end = span(std::min(first + kFanOut, m_lane.m_count) - 1);
    return {span(first).beginNs, std::max(end.endNs, end.beginNs + 1), leaf.busyNs, leaf.longestNs,
            leaf.style};
  }

 private:
  struct Columns {
    trace::PackedReader begin, duration, kind, name;
  };

  size_t source(size_t i) {
    return m_lane.m_picked.size() == 0 ? m_lane.m_first + i : static_cast<size_t>(m_picked[i]);
  }

  const Lane& m_lane;
  trace::PackedReader m_picked;
  Columns m_columns;  // of nothing where the lane holds its blocks
};

template <class Wants, class OnNode, class OnBlock>
void Lane::walk(size_t first, size_t last, const Wants& wants, const OnNode& onNode,
                const OnBlock& onBlock) const {
  Reader reader(*this);
  Node node;         // that of the last step, if it was one
  size_t level = 0;  // of it: its neighbour's, mostly, and near in memory
  for (size_t i = first; i < last;) {
    const auto wanted = [&](size_t of) {
      const size_t wide = nodeSize(of);
      if (i % wide != 0 || i + wide > last) return false;
      const Node candidate = reader.node(of, i / wide);
      if (!wants(candidate)) return false;
      node = candidate;
      return true;
    };
    if (level > 0 && !wanted(level)) {
      do --level;
      while (level > 0 && !wanted(level));
    } else {
      while (level < levels() && wanted(level + 1)) ++level;
    }
    if (level == 0) {
      onBlock(i, reader.span(i));
      ++i;
    } else {
      onNode(node);
      i += nodeSize(level);
    }
  }
}

// Where first-fit puts spans that come sorted by (begin, longer first): nested spans land one lane
// below their parent, overlapping ones beside each other.
class LaneEnds {
 public:
  // The lane of the next span; the number of lanes so far when it needs a new one.
  size_t place(Span span) {
    size_t lane = 0;
    while (lane < m_ends.size() && m_ends[lane] > span.beginNs) ++lane;
    if (lane == m_ends.size()) m_ends.push_back(0);
    m_ends[lane] = span.endNs;
    return lane;
  }

 private:
  std::vector<int64_t> m_ends;
};

// Overlapping blocks over as few lanes as first-fit needs. Nothing is left out. REQUIRES sorted by
// (begin, longer first), as tracks are.
std::vector<Lane> spreadOverLanes(const std::vector<Block>& blocks);

}  // namespace caracal::ui
