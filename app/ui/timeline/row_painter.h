// RowPainter: the bands of a row of the timeline, without their labels, straight into pixels. Part
// of raster.cpp. Each thread has its own; rows may be painted at the same time.
#pragma once

#include <QRgb>
#include <array>
#include <optional>
#include <vector>

#include "app/ui/theme/palette.h"
#include "app/ui/timeline/columns.h"
#include "app/ui/timeline/row_layout.h"
#include "app/ui/timeline/time_view.h"

namespace caracal::ui {

// One frame. Lengths are logical pixels; the image is `scale` times as large.
struct Frame {
  const Scene& scene;
  const RowLayout& layout;
  TimeView view;
  int scrollY = 0;
  double scale = 1.0;

  // The line of the image at which `contentY` of the layout lies.
  int deviceY(int contentY) const;
  // The part of `view` in pixels of an image of this width.
  TimeView deviceView(int width) const;
};

// The lines of an image, to be written from several threads.
struct Pixels {
  QRgb* bits = nullptr;
  size_t stride = 0;  // of a line, in pixels
  int width = 0;
  int height = 0;
  QRgb* line(int y) const { return bits + static_cast<size_t>(y) * stride; }
};

// Shades of each paint: neighbours of one kind can be told apart.
using Shades = std::array<std::array<QRgb, 4>, static_cast<size_t>(Paint::kCount)>;
Shades shadesOf(const Theme& theme);

// `above` over `below`; share 1: `above` alone.
QRgb mixed(QRgb below, QRgb above, double share);
constexpr double kBubbleTint = 0.16;  // of the cause's colour behind the hatch

class RowPainter {
 public:
  // Both must outlive the painter.
  RowPainter(const Theme& theme, const Shades& shades) : m_theme(theme), m_shades(shades) {}

  // Called before the rows of a frame. `gridLines`: columns of the ruler's major lines.
  void prepare(const Frame& frame, int width, const std::vector<int>& gridLines);
  // Every line of a row, and no other.
  void paint(const Frame& frame, const PlacedRow& placed, size_t order, const Pixels& pixels);

 private:
  // How a column of a band is painted: above `split` one ink, below it the other.
  struct Ink {
    QRgb fill = 0;
    QRgb line = 0;
    Hatch hatch = Hatch::kNone;
  };
  struct PaintedColumn {
    Ink upper;
    Ink lower;
    int split = 0;
  };

  // Copies `line` to the lines [top, bottom), as far as the image has them.
  static void fillLines(const std::vector<QRgb>& line, int top, int bottom, const Pixels& pixels);
  // What m_work holds, and the bubbles of a row below it; `bubblesOf` may be null.
  void paintBand(const Row* bubblesOf, int top, int height, QRgb background, const Pixels& pixels);
  void addBubbles(const Row& row, int height, QRgb background);
  void paintUnion(const Frame& frame, const PlacedRow& placed, int top, int height, QRgb background,
                  const Pixels& pixels);
  Ink inkOf(BlockStyle style, double share, bool edge, QRgb background) const;
  void blit(int top, int height, const Pixels& pixels);
  bool isPlain(int height) const;  // m_painted: the same on all lines of a band

  const Theme& m_theme;
  const Shades& m_shades;
  double m_scale = 1;
  std::optional<Columns> m_work;  // of this frame's view, cleared for every lane
  std::optional<Columns> m_idle;
  std::vector<int> m_gridLines;
  std::vector<QRgb> m_background;  // one line of a row where nothing is, with the grid
  std::vector<QRgb> m_line;        // one line of a band whose lines look the same
  std::vector<PaintedColumn> m_painted;
};

}  // namespace caracal::ui
