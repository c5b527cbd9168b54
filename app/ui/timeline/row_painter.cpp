#include "app/ui/timeline/row_painter.h"

#include <QColor>
#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace caracal::ui {
namespace {

// A column that anything touches is at least this strong, however short the event.
constexpr double kFaintest = 0.42;
constexpr int kHatchPeriod = 8;  // device pixels; a power of two
constexpr int kHatchWidth = 2;
constexpr int kLeastBubblePixels = 3;  // of a column shared with work

bool onLine(Hatch hatch, int x, int y) {
  const auto near = [](int v) { return (v & (kHatchPeriod - 1)) < kHatchWidth; };
  switch (hatch) {
    case Hatch::kNone:
      return false;
    case Hatch::kRising:
      return near(x + y);
    case Hatch::kFalling:
      return near(x - y);
    case Hatch::kCross:
      return near(x + y) || near(x - y);
    case Hatch::kDots:
      return (x & 3) < 2 && (y & 3) < 2 && (((x >> 2) + (y >> 2)) & 1) == 0;
  }
  return false;
}

}  // namespace

int Frame::deviceY(int contentY) const {
  return static_cast<int>(std::lround((contentY - scrollY) * scale));
}

TimeView Frame::deviceView(int width) const {
  TimeView device = view;
  device.nsPerPixel /= scale;
  device.width = width;
  return device;
}

QRgb mixed(QRgb below, QRgb above, double share) {
  // Whole numbers, red and blue at once: a frame mixes some hundred thousand colours.
  constexpr uint32_t kRedBlue = 0xff00ff, kGreen = 0xff00, kOpaque = 0xff000000;
  const auto of256 = static_cast<uint32_t>(share * 256);
  const auto mix = [&](uint32_t channels, uint32_t half) {
    const uint32_t sum = (below & channels) * (256 - of256) + (above & channels) * of256;
    return ((sum + half) >> 8U) & channels;
  };
  return kOpaque | mix(kRedBlue, 0x800080) | mix(kGreen, 0x8000);
}

Shades shadesOf(const Theme& theme) {
  Shades shades{};
  for (size_t p = 0; p < shades.size(); ++p) {
    const QColor base = theme.paints[p];
    for (int s = 0; s < 4; ++s) {
      // Steps away from the background, so that contrast only grows.
      const QColor shade =
          theme.kind == ThemeKind::kDark ? base.lighter(100 + 9 * s) : base.darker(100 + 9 * s);
      shades[p][static_cast<size_t>(s)] = shade.rgb();
    }
  }
  return shades;
}

void RowPainter::prepare(const Frame& frame, int width, const std::vector<int>& gridLines) {
  m_scale = frame.scale;
  m_gridLines = gridLines;
  m_work.emplace(frame.deviceView(width));
  m_idle.emplace(frame.deviceView(width));
  m_painted.resize(static_cast<size_t>(width));
}

void RowPainter::fillLines(const std::vector<QRgb>& line, int top, int bottom,
                           const Pixels& pixels) {
  for (int y = std::max(0, top); y < std::min(bottom, pixels.height); ++y)
    std::memcpy(pixels.line(y), line.data(), line.size() * sizeof(QRgb));
}

void RowPainter::paint(const Frame& frame, const PlacedRow& placed, size_t order,
                       const Pixels& pixels) {
  const Row& row = frame.scene.rows[placed.row];
  const bool header =
      row.kind == RowKind::kRun || row.kind == RowKind::kReplica || row.kind == RowKind::kRank;
  const QRgb background = header           ? m_theme.groupBand.rgb()
                          : order % 2 == 0 ? m_theme.background.rgb()
                                           : m_theme.rowAlternate.rgb();
  const int top = frame.deviceY(placed.top);
  const int bottom = frame.deviceY(placed.top + placed.height);
  m_background.assign(static_cast<size_t>(pixels.width), background);
  for (const int x : m_gridLines) m_background[static_cast<size_t>(x)] = m_theme.grid.rgb();
  if (placed.lanes.empty() && placed.folded) {
    paintUnion(frame, placed, top, bottom - top - 3, background, pixels);
    fillLines(m_background, bottom - 3, bottom, pixels);
    return;
  }
  int filledTo = top;
  for (const PlacedLane& lane : placed.lanes) {
    const int laneTop = frame.deviceY(lane.top);
    const int laneHeight = frame.deviceY(lane.top + lane.height) - laneTop - 1;
    if (laneTop + laneHeight <= 0 || laneTop >= pixels.height) continue;
    fillLines(m_background, std::exchange(filledTo, laneTop + laneHeight), laneTop, pixels);
    m_work->clear();
    m_work->add(row.lanes[lane.lane]);
    const bool withBubbles = lane.lane == 0 && !row.bubbles.empty();
    paintBand(withBubbles ? &row : nullptr, laneTop, laneHeight, background, pixels);
  }
  fillLines(m_background, filledTo, bottom, pixels);
}

void RowPainter::paintUnion(const Frame& frame, const PlacedRow& placed, int top, int height,
                            QRgb background, const Pixels& pixels) {
  m_work->clear();
  for (uint32_t r = placed.row + 1; r < frame.scene.subtreeEnd(placed.row); ++r) {
    if (!frame.scene.rows[r].gpuWork) continue;
    for (const Lane& lane : frame.scene.rows[r].lanes) m_work->add(lane);
  }
  paintBand(nullptr, top, height, background, pixels);
}

RowPainter::Ink RowPainter::inkOf(BlockStyle style, double share, bool edge,
                                  QRgb background) const {
  const QRgb full = m_shades[static_cast<size_t>(style.paint)][style.shade & 3U];
  const Hatch hatch = hatchOf(style.paint);
  if (isBubble(style.paint)) {
    return {mixed(background, full, edge ? 0.6 : kBubbleTint), full, hatch};
  }
  const QRgb fill = mixed(background, full, kFaintest + (1 - kFaintest) * share);
  const QRgb edged = edge ? mixed(background, fill, 0.35) : fill;
  return {edged, hatch == Hatch::kNone ? fill : mixed(fill, background, 0.6), hatch};
}

void RowPainter::paintBand(const Row* bubblesOf, int top, int height, QRgb background,
                           const Pixels& pixels) {
  const Ink nothing{0, 0, Hatch::kNone};
  Ink ink = nothing;
  const Column* inkedAs = nullptr;  // the column that it is of: its neighbours are often like it
  for (size_t x = 0; x < m_painted.size(); ++x) {
    const Column& c = (*m_work)[x];
    if (c.touched() && (inkedAs == nullptr || !c.looksLike(*inkedAs))) {
      ink = inkOf(c.style, m_work->share(c), c.edge, background);
      inkedAs = &c;
    }
    m_painted[x] = {c.touched() ? ink : nothing, nothing, height};
  }
  if (bubblesOf != nullptr) addBubbles(*bubblesOf, height, background);
  blit(top, height, pixels);
}

void RowPainter::addBubbles(const Row& row, int height, QRgb background) {
  m_idle->clear();
  m_idle->add(row.bubbles);
  const auto least = static_cast<int>(kLeastBubblePixels * m_scale);
  for (size_t x = 0; x < m_painted.size(); ++x) {
    const Column& c = (*m_idle)[x];
    if (!c.touched()) continue;
    const bool alone = !(*m_work)[x].touched();
    const int part = alone ? height : std::max(least, static_cast<int>(m_idle->share(c) * height));
    m_painted[x].lower = inkOf(c.style, 1.0, c.edge, background);
    m_painted[x].split = std::max(0, height - part);
  }
}

bool RowPainter::isPlain(int height) const {
  return std::all_of(m_painted.begin(), m_painted.end(), [height](const PaintedColumn& c) {
    return c.split == height && c.upper.hatch == Hatch::kNone;
  });
}

void RowPainter::blit(int top, int height, const Pixels& pixels) {
  const int bottom = top + height;
  if (isPlain(height)) {
    m_line = m_background;
    for (size_t x = 0; x < m_painted.size(); ++x) {
      if (m_painted[x].upper.fill != 0) m_line[x] = m_painted[x].upper.fill;
    }
    return fillLines(m_line, top, bottom, pixels);
  }
  fillLines(m_background, top, bottom, pixels);
  for (int y = std::max(0, top); y < std::min(bottom, pixels.height); ++y) {
    QRgb* at = pixels.line(y);
    for (size_t x = 0; x < m_painted.size(); ++x) {
      const PaintedColumn& column = m_painted[x];
      const Ink& ink = y - top < column.split ? column.upper : column.lower;
      if (ink.fill == 0) continue;
      at[x] = ink.hatch != Hatch::kNone && onLine(ink.hatch, static_cast<int>(x), y) ? ink.line
                                                                                     : ink.fill;
    }
  }
}

}  // namespace caracal::ui
