// Columns: what lies under each pixel column of a lane. The level of detail is decided here: a
// block wider than a pixel covers its columns, everything under one pixel is merged into that
// column, and a column that any block touches is never empty. Blocks are taken together where a
// node of the lane's pyramid is shorter than a column; where one lies across the edge of two, its
// busy time is divided by time: no column is off by more than that node holds.
#pragma once

#include <cstdint>
#include <vector>

#include "app/ui/timeline/lane.h"
#include "app/ui/timeline/time_view.h"

namespace caracal::ui {

struct Column {
  double busyNs = 0;   // sum over the blocks under this column, of their parts inside it
  double bestNs = -1;  // largest single contribution, that of `style`; below 0: nothing is here
  BlockStyle style;
  bool edge = false;  // a block wide enough to be told apart begins here
  bool touched() const { return bestNs >= 0; }
  bool looksLike(const Column& other) const {
    return style == other.style && busyNs == other.busyNs && edge == other.edge;
  }
};

class Columns {
 public:
  explicit Columns(const TimeView& view);
  void clear();
  void add(const Lane& lane);

  const std::vector<Column>& all() const { return m_columns; }
  const Column& operator[](size_t column) const { return m_columns[column]; }
  // Share of the column's time that is busy, in [0, 1].
  double share(const Column& column) const;

 private:
  static constexpr size_t kNoBlock = SIZE_MAX;

  void add(size_t column, double ns, BlockStyle style);
  void addPart(size_t column, double ns, size_t index);  // of block `index`
  void addWide(Span span, BlockStyle style);
  // Block `index`, which begins in `column` or before it.
  void addBlock(Span span, size_t index, size_t column);
  // A node no longer than a column is wide, that begins in `column`: its time is in two at most.
  void addNarrow(const Lane::Node& node, size_t column);

  TimeView m_view;
  double m_perNs = 0;  // columns
  // Column c is every whole ns of [m_edges[c], m_edges[c + 1]).
  std::vector<int64_t> m_edges;
  std::vector<Column> m_columns;
  std::vector<size_t> m_largest;  // while a lane is added: the block that a column's style is of
};

}  // namespace caracal::ui
