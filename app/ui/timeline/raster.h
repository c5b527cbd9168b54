// Raster: draws a frame of the timeline into an image, pixel by pixel, without a QPainter rectangle
// per event. The cost follows the pixels of the image, not the events of the trace.
//
// Holds caches (glyphs, shaded colours) and scratch memory between frames; GUI thread only, or one
// thread of a program that draws offscreen.
#pragma once

#include <QFont>
#include <QImage>
#include <array>
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

  void prepareBackground(const Frame& frame, int width);
  void drawRow(const Frame& frame, const PlacedRow& placed, size_t order, QImage& image);
  void drawBand(const Frame& frame, const Row* bubblesOf, const Columns& work, int top, int height,
                QRgb background, QImage& image);
  void drawUnion(const Frame& frame, const PlacedRow& placed, int top, int height, QRgb background,
                 QImage& image);
  void drawLabels(const Frame& frame, uint32_t row, const Lane& lane, bool withDuration, int top,
                  int height, QImage& image);
  void drawLabel(const Frame& frame, uint32_t row, const Block& block, bool withDuration, int top,
                 int height, QImage& image);
  Ink inkOf(BlockStyle style, double share, bool edge, QRgb background) const;
  void blit(int top, int height, QImage& image) const;

  const Theme& m_theme;
  double m_scale;
  Glyphs m_glyphs;
  std::array<std::array<QRgb, 4>, static_cast<size_t>(Paint::kCount)> m_shades{};
  std::vector<QRgb> m_gridLine;  // background with grid lines, reused for every scan line
  std::vector<PaintedColumn> m_painted;
  std::string m_text;
};

}  // namespace caracal::ui
