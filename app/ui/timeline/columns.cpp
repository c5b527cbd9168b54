#include "app/ui/timeline/columns.h"

#include <algorithm>
#include <cmath>

namespace caracal::ui {
namespace {

// Narrower blocks would be all border.
constexpr int kLeastEdgePixels = 4;

// The first whole ns that lies at `pixel` or behind it.
int64_t edgeAt(const TimeView& view, int pixel) {
  int64_t edge = view.beginNs + static_cast<int64_t>(std::ceil(pixel * view.nsPerPixel));
  while (view.pixelOf(edge - 1) >= pixel) --edge;
  while (view.pixelOf(edge) < pixel) ++edge;
  return edge;
}

}  // namespace

Columns::Columns(const TimeView& view)
    : m_view(view),
      m_perNs(1 / view.nsPerPixel),
      m_columns(static_cast<size_t>(view.width)),
      m_largest(static_cast<size_t>(view.width), kNoBlock) {
  m_edges.reserve(m_columns.size() + 1);
  for (int pixel = 0; pixel <= view.width; ++pixel) m_edges.push_back(edgeAt(view, pixel));
}

void Columns::clear() {
  std::fill(m_columns.begin(), m_columns.end(), Column{});
}

void Columns::addWide(Span span, BlockStyle style) {
  const double begin = m_view.pixelOf(span.beginNs);
  const double end = m_view.pixelOf(span.endNs);
  const int first = std::max(0, static_cast<int>(std::floor(std::max(begin, 0.0))));
  const int last = static_cast<int>(std::min<double>(std::ceil(end), m_view.width)) - 1;
  for (int c = first; c <= last; ++c) {
    const double part = std::min<double>(end, c + 1) - std::max<double>(begin, c);
    add(static_cast<size_t>(c), part * m_view.nsPerPixel, style);
  }
  if (begin >= 0 && first < m_view.width && last - first >= kLeastEdgePixels)
    m_columns[static_cast<size_t>(first)].edge = true;
}

void Columns::add(size_t column, double ns, BlockStyle style) {
  Column& to = m_columns[column];
  to.busyNs += ns;
  if (ns <= to.bestNs) return;
  to.bestNs = ns;
  to.style = style;
  m_largest[column] = kNoBlock;
}

// Without branches: which block is the largest is what a processor cannot foresee either.
void Columns::addPart(size_t column, double ns, size_t index) {
  Column& to = m_columns[column];
  to.busyNs += ns;
  m_largest[column] = ns > to.bestNs ? index : m_largest[column];
  to.bestNs = std::max(to.bestNs, ns);
}

void Columns::addNarrow(const Lane::Node& node, size_t column) {
  const auto busyNs = static_cast<double>(node.busyNs);
  const int64_t edge = m_edges[column + 1];
  if (node.endNs <= edge) return add(column, busyNs, node.style);
  const double before =
      static_cast<double>(edge - node.beginNs) / static_cast<double>(node.endNs - node.beginNs);
  add(column, busyNs * before, node.style);
  add(column + 1, busyNs * (1 - before), node.style);
}

void Columns::add(const Lane& lane) {
  const auto [first, last] = lane.touching({m_edges.front(), m_edges.back()});
  // Divided, not counted on from the last block: whether the next one is in the same column is what
  // a processor cannot foresee. The edges correct the rounding.
  const size_t lastColumn = m_columns.size() - 1;
  const auto columnOf = [&](int64_t ns) {
    size_t column = std::min(
        static_cast<size_t>(static_cast<double>(ns - m_view.beginNs) * m_perNs), lastColumn);
    while (column < lastColumn && m_edges[column + 1] <= ns) ++column;
    while (m_edges[column] > ns) --column;
    return column;
  };
  // A ns can be many columns wide: then only instants take one.
  const bool fine = m_view.nsPerPixel < 1;
  lane.walk(
      first, last,
      [&](const Lane::Node& node) {
        const bool narrow = static_cast<double>(node.endNs - node.beginNs) <= m_view.nsPerPixel;
        return narrow && node.beginNs >= m_edges.front() && node.endNs <= m_edges.back();
      },
      [&](const Lane::Node& node) { addNarrow(node, columnOf(node.beginNs)); },
      [&](size_t index, Span span) {
        if (fine && span.lengthNs() > 0) return addWide(span, lane.style(index));
        addBlock(span, index, span.beginNs < m_edges.front() ? 0 : columnOf(span.beginNs));
      });
  // The style of a column's largest block costs more to find than all else: once, not for every one
  // that was the largest for a while, and once for columns that a wide block fills.
  Lane::Reader reader(lane);
  size_t known = kNoBlock;
  BlockStyle style;
  for (size_t c = 0; c < m_columns.size(); ++c) {
    if (m_largest[c] == kNoBlock) continue;
    if (m_largest[c] != known) style = reader.style(m_largest[c]);
    known = m_largest[c];
    m_columns[c].style = style;
    m_largest[c] = kNoBlock;
  }
}

void Columns::addBlock(Span span, size_t index, size_t column) {
  const size_t first = column;
  size_t last = first;
  int64_t fromNs = std::max(span.beginNs, m_edges.front());
  for (; column < m_columns.size(); ++column) {
    const int64_t toNs = std::min(span.endNs, m_edges[column + 1]);
    addPart(column, static_cast<double>(toNs - fromNs), index);
    last = column;
    if (span.endNs <= m_edges[column + 1]) break;
    fromNs = toNs;
  }
  const bool showsBegin = span.beginNs >= m_edges.front();
  if (showsBegin && last >= first + kLeastEdgePixels) m_columns[first].edge = true;
}

double Columns::share(const Column& column) const {
  return std::clamp(column.busyNs * m_perNs, 0.0, 1.0);
}

}  // namespace caracal::ui
