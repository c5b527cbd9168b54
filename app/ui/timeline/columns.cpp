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

// Adds `ns` of something; true: it is the column's largest part so far.
bool offer(Column& column, double ns) {
  column.busyNs += ns;
  if (column.touched && ns <= column.bestNs) return false;
  column.bestNs = ns;
  column.touched = true;
  return true;
}

}  // namespace

Columns::Columns(const TimeView& view)
    : m_view(view),
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
  if (!offer(m_columns[column], ns)) return;
  m_columns[column].style = style;
  m_largest[column] = kNoBlock;
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
  size_t column = 0;  // of what the walk has reached
  const auto goTo = [&](int64_t beginNs) {
    while (column + 1 < m_columns.size() && m_edges[column + 1] <= beginNs) ++column;
  };
  // A ns can be many columns wide: then only instants take one.
  const bool fine = m_view.nsPerPixel < 1;
  lane.walk(
      first, last,
      [&](const Lane::Node& node) {
        const bool narrow = static_cast<double>(node.endNs - node.beginNs) <= m_view.nsPerPixel;
        return narrow && node.beginNs >= m_edges.front() && node.endNs <= m_edges.back();
      },
      [&](const Lane::Node& node) {
        goTo(node.beginNs);
        addNarrow(node, column);
      },
      [&](size_t index) {
        const Span span = lane.span(index);
        if (span.beginNs >= m_edges.front()) goTo(span.beginNs);
        if (fine && span.lengthNs() > 0) return addWide(span, lane.style(index));
        addBlock(span, index, column);
      });
  // The style of a column's largest block costs more to find than all else: once, not for every one
  // that was the largest for a while, and once for columns that a wide block fills.
  size_t known = kNoBlock;
  BlockStyle style;
  for (size_t c = 0; c < m_columns.size(); ++c) {
    if (m_largest[c] == kNoBlock) continue;
    if (m_largest[c] != known) style = lane.style(m_largest[c]);
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
    if (offer(m_columns[column], static_cast<double>(toNs - fromNs))) m_largest[column] = index;
    last = column;
    if (span.endNs <= m_edges[column + 1]) break;
    fromNs = toNs;
  }
  const bool showsBegin = span.beginNs >= m_edges.front();
  if (showsBegin && last >= first + kLeastEdgePixels) m_columns[first].edge = true;
}

double Columns::share(const Column& column) const {
  return std::clamp(column.busyNs / m_view.nsPerPixel, 0.0, 1.0);
}

}  // namespace caracal::ui
