// Raster: draws a frame of the timeline into an image, pixel by pixel, without a QPainter rectangle
// per event. The cost follows the pixels of the image, not the events of the trace.
//
// Holds caches (glyphs, shaded colours), scratch memory and threads of its own between frames. Used
// from one thread, the GUI's or that of a program that draws offscreen; rows are painted on
// several where there is much to paint, labels on that one.
#pragma once

#include <QFont>
#include <QImage>
#include <QThreadPool>
#include <memory>
#include <string>
#include <vector>

#include "app/ui/theme/palette.h"
#include "app/ui/timeline/glyphs.h"
#include "app/ui/timeline/row_painter.h"

namespace caracal::ui {

class TimelineRaster {
 public:
  // A painter more is worth it for this much processor time of a frame. Less is done before a
  // thread has woken up; and on a machine that others use too, one that is put off in the middle of
  // a row holds up the frame.
  static constexpr int64_t kWorthAPainterNs = 10'000'000;

  // `worthAPainterNs` 0: every frame is painted by all painters.
  TimelineRaster(const Theme& theme, const QFont& font, double scale,
                 int64_t worthAPainterNs = kWorthAPainterNs);

  // Fills `image` completely. REQUIRES Format_RGB32.
  void draw(const Frame& frame, QImage& image);

  // Distance of the ruler's major lines, so that ruler and grid agree.
  static constexpr double kMajorTickPixels = 110;

 private:
  struct Rows;  // of one frame, shared out to the painters

  void findGridLines(const Frame& frame, int width);
  void paintRows(const Rows& rows);
  // How many painters the work of so many rows is worth, by what those of the last frames took.
  size_t paintersFor(size_t rows) const;
  void drawRowLabels(const Frame& frame, const PlacedRow& placed, QImage& image);
  void drawLabels(const Frame& frame, uint32_t row, const Lane& lane, bool withDuration, int top,
                  int height, QImage& image);
  void drawLabel(const Frame& frame, uint32_t row, const Block& block, bool withDuration, int top,
                 int height, QImage& image);

  const Theme& m_theme;
  double m_scale;
  Glyphs m_glyphs;
  Shades m_shades;
  std::vector<std::unique_ptr<RowPainter>> m_painters;  // one a thread; the first is the caller's
  QThreadPool m_threads;
  int64_t m_worthAPainterNs;
  double m_rowNs = 0;            // processor time of a row, of the frames before
  std::vector<int> m_gridLines;  // x of the ruler's major lines
  std::string m_text;
};

}  // namespace caracal::ui
