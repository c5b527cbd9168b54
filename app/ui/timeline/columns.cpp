#include "app/ui/timeline/columns.h"

#include <algorithm>
#include <cmath>

namespace caracal::ui {
namespace {

// Narrower blocks would be all border.
constexpr int kLeastEdgePixels = 4;

}  // namespace

void Columns::clear() {
  std::fill(m_columns.begin(), m_columns.end(), Column{});
}

int Columns::columnOf(int64_t timeNs) const {
  const double pixel = std::floor(m_view.pixelOf(timeNs));
  return static_cast<int>(std::clamp(pixel, -1.0, static_cast<double>(m_view.width)));
}

void Columns::put(int column, double ns, BlockStyle style) {
  Column& c = m_columns[static_cast<size_t>(column)];
  c.busyNs += ns;
  if (!c.touched || ns > c.bestNs) {
    c.bestNs = ns;
    c.style = style;
  }
  c.touched = true;
}

void Columns::addBlock(const Block& block) {
  const int first = columnOf(block.beginNs);
  const int last = std::max(first, columnOf(std::max(block.beginNs, block.endNs - 1)));
  if (last < 0 || first >= m_view.width) return;
  if (first == last) {
    put(first, static_cast<double>(block.durationNs()), block.style);
    return;
  }
  const auto inColumn = [&](int column) {
    const double begin = std::max(m_view.pixelOf(block.beginNs), static_cast<double>(column));
    const double end = std::min(m_view.pixelOf(block.endNs), static_cast<double>(column + 1));
    return (end - begin) * m_view.nsPerPixel;
  };
  for (int c = std::max(first, 0); c <= std::min(last, m_view.width - 1); ++c) {
    put(c, c == first || c == last ? inColumn(c) : m_view.nsPerPixel, block.style);
  }
  if (first >= 0 && last - first >= kLeastEdgePixels)
    m_columns[static_cast<size_t>(first)].edge = true;
}

void Columns::add(const Lane& lane) {
  const std::vector<Block>& blocks = lane.blocks();
  const auto [first, last] = lane.touching(m_view.span());
  lane.walk(
      first, last,
      [&](size_t, size_t, size_t begin, size_t end) {
        const int column = columnOf(blocks[begin].beginNs);
        const Block& back = blocks[end - 1];
        return column >= 0 && column < m_view.width &&
               columnOf(std::max(back.beginNs, back.endNs - 1)) == column;
      },
      [&](const Lane::Node& node, size_t begin, size_t) {
        put(columnOf(blocks[begin].beginNs), static_cast<double>(node.busyNs), node.style);
      },
      [&](size_t index) { addBlock(blocks[index]); });
}

double Columns::share(const Column& column) const {
  return std::clamp(column.busyNs / m_view.nsPerPixel, 0.0, 1.0);
}

}  // namespace caracal::ui
