// Raster: draws a frame of the timeline into an image, pixel by pixel, without a QPainter rectangle
// per event. The cost follows the pixels of the image, not the events of the trace.
//
// Holds caches (glyphs, shaded colours) and scratch memory between frames; GUI thread only, or one
// thread of a program that draws offscreen.
#pragma once

#include <QFont>
#include <QImage>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "app/ui/theme/palette.h"
#include "app/ui/timeline/columns.h"
#include "app/ui/timeline/glyphs.h"
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
};

class TimelineRaster {
 public:
  TimelineRaster(const Theme& theme, const QFont& font, double scale);

  // Fills `image` completely. REQUIRES Format_RGB32.
  void draw(const Frame& frame, QImage& image);

  // Distance of the ruler's major lines, so that ruler and grid agree.
  static constexpr double kMajorTickPixels = 110;

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

  void prepare(const Frame& frame, int width);
  int deviceY(const Frame& frame, int contentY) const;
  // Fills lines [top, bottom) of the image, cut to it: with m_line, with a row's background and
  // grid.
  void copyLine(int top, int bottom, QImage& image) const;
  void drawBackground(QRgb background, int top, int bottom, QImage& image);
  void drawRow(const Frame& frame, const PlacedRow& placed, size_t order, QImage& image);
  // What m_work holds, and the bubbles of a row below it; `bubblesOf` may be null.
  void drawBand(const Row* bubblesOf, int top, int height, QRgb background, QImage& image);
  void addBubbles(const Row& row, int height, QRgb background);
  void drawUnion(const Frame& frame, const PlacedRow& placed, int top, int height, QRgb background,
                 QImage& image);
  void drawLabels(const Frame& frame, uint32_t row, const Lane& lane, bool withDuration, int top,
                  int height, QImage& image);
  void drawLabel(const Frame& frame, uint32_t row, const Block& block, bool withDuration, int top,
                 int height, QImage& image);
  Ink inkOf(BlockStyle style, double share, bool edge, QRgb background) const;
  void blit(int top, int height, QImage& image);
  bool isPlain(int height) const;  // m_painted: the same on all lines of a band

  const Theme& m_theme;
  double m_scale;
  Glyphs m_glyphs;
  std::array<std::array<QRgb, 4>, static_cast<size_t>(Paint::kCount)> m_shades{};
  std::optional<Columns> m_work;  // of this frame's view, cleared for every lane
  std::optional<Columns> m_idle;
  std::vector<int> m_gridLines;  // x of the ruler's major lines
  std::vector<QRgb> m_line;      // one line of a row, copied to all that look the same
  std::vector<PaintedColumn> m_painted;
  std::string m_text;
};

}  // namespace caracal::ui
