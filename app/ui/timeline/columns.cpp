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

// Adds `ns` of something whose style is asked for only if it is the column's largest part so far.
template <class Style>
void offer(Column& column, double ns, const Style& style) {
  column.busyNs += ns;
  if (column.touched && ns <= column.bestNs) return;
  column.bestNs = ns;
  column.style = style();
  column.touched = true;
}

}  // namespace

Columns::Columns(const TimeView& view) : m_view(view), m_columns(static_cast<size_t>(view.width)) {
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
    offer(m_columns[static_cast<size_t>(c)], part * m_view.nsPerPixel, [&] { return style; });
  }
  if (begin >= 0 && first < m_view.width && last - first >= kLeastEdgePixels)
    m_columns[static_cast<size_t>(first)].edge = true;
}

void Columns::add(const Lane& lane) {
  const auto [first, last] = lane.touching({m_edges.front(), m_edges.back()});
  size_t column = 0;  // of what the walk has reached
  // Whether all of [beginNs, endNs) is one column.
  const auto isInOne = [&](int64_t beginNs, int64_t endNs) {
    if (beginNs < m_edges.front()) return false;
    while (column + 1 < m_columns.size() && m_edges[column + 1] <= beginNs) ++column;
    return endNs <= m_edges[column + 1];
  };
  // A ns can be many columns wide: then only instants take one.
  const bool fine = m_view.nsPerPixel < 1;
  lane.walk(
      first, last,
      [&](const Lane::Node& node) {
        return (!fine || node.busyNs == 0) && isInOne(node.beginNs, node.endNs);
      },
      [&](const Lane::Node& node) {
        offer(m_columns[column], static_cast<double>(node.busyNs), [&] { return node.style; });
      },
      [&](size_t index) {
        const Span span = lane.span(index);
        const int64_t durationNs = span.lengthNs();
        if ((fine && durationNs > 0) ||
            !isInOne(span.beginNs, std::max(span.endNs, span.beginNs + 1))) {
          return addWide(span, lane.style(index));
        }
        offer(m_columns[column], static_cast<double>(durationNs),
              [&] { return lane.style(index); });
      });
}

double Columns::share(const Column& column) const {
  return std::clamp(column.busyNs / m_view.nsPerPixel, 0.0, 1.0);
}

}  // namespace caracal::ui
