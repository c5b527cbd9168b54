#include "app/ui/timeline/raster.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "app/ui/timeline/block_text.h"
#include "core/base/format.h"

namespace caracal::ui {
namespace {

// A column that anything touches is at least this strong, however short the event.
constexpr double kFaintest = 0.42;
constexpr double kBubbleTint = 0.16;  // of the cause's colour behind the hatch
constexpr int kHatchPeriod = 8;       // device pixels; a power of two
constexpr int kHatchWidth = 2;
constexpr int kLeastBubblePixels = 3;  // of a column shared with work
constexpr double kLeastLabelPixels = 22;
constexpr int kLabelPadding = 3;

QRgb mixed(QRgb below, QRgb above, double share) {
  // Whole numbers: a frame mixes some hundred thousand colours.
  const int of256 = static_cast<int>(share * 256);
  const auto channel = [of256](int a, int b) { return a + (((b - a) * of256 + 128) >> 8); };
  return qRgb(channel(qRed(below), qRed(above)), channel(qGreen(below), qGreen(above)),
              channel(qBlue(below), qBlue(above)));
}

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

// The part of `view` in device pixels.
TimeView deviceView(const Frame& frame, int width) {
  TimeView view = frame.view;
  view.nsPerPixel /= frame.scale;
  view.width = width;
  return view;
}

}  // namespace

TimelineRaster::TimelineRaster(const Theme& theme, const QFont& font, double scale)
    : m_theme(theme), m_scale(scale), m_glyphs([&] {
        QFont scaled = font;
        scaled.setPixelSize(std::max(6, static_cast<int>(std::lround(11 * scale))));
        return scaled;
      }()) {
  for (size_t p = 0; p < m_shades.size(); ++p) {
    const QColor base = theme.paints[p];
    for (int s = 0; s < 4; ++s) {
      // Steps away from the background, so that contrast only grows.
      const QColor shade =
          theme.kind == ThemeKind::kDark ? base.lighter(100 + 9 * s) : base.darker(100 + 9 * s);
      m_shades[p][static_cast<size_t>(s)] = shade.rgb();
    }
  }
}

void TimelineRaster::prepare(const Frame& frame, int width) {
  const TimeView view = deviceView(frame, width);
  m_work.emplace(view);
  m_idle.emplace(view);
  m_painted.resize(static_cast<size_t>(width));
  m_gridLines.clear();
  for (const Tick& tick : ticks(frame.view, kMajorTickPixels)) {
    const auto x = static_cast<int>(std::floor(view.pixelOf(tick.timeNs)));
    if (tick.major && x >= 0 && x < width) m_gridLines.push_back(x);
  }
}

void TimelineRaster::drawBackground(QRgb background, int top, int bottom, QImage& image) {
  m_line.assign(static_cast<size_t>(image.width()), background);
  for (const int x : m_gridLines) m_line[static_cast<size_t>(x)] = m_theme.grid.rgb();
  copyLine(top, bottom, image);
}

void TimelineRaster::draw(const Frame& frame, QImage& image) {
  prepare(frame, image.width());
  int filledTo = 0;
  const int bottom = frame.scrollY + static_cast<int>(std::ceil(image.height() / m_scale));
  for (size_t i = 0; i < frame.layout.rows.size(); ++i) {
    const PlacedRow& placed = frame.layout.rows[i];
    if (placed.top + placed.height <= frame.scrollY) continue;
    if (placed.top >= bottom) break;
    drawRow(frame, placed, i, image);
    filledTo = deviceY(frame, placed.top + placed.height);
  }
  m_line.assign(static_cast<size_t>(image.width()), m_theme.background.rgb());
  copyLine(filledTo, image.height(), image);
}

int TimelineRaster::deviceY(const Frame& frame, int contentY) const {
  return static_cast<int>(std::lround((contentY - frame.scrollY) * m_scale));
}

void TimelineRaster::copyLine(int top, int bottom, QImage& image) const {
  for (int y = std::max(0, top); y < std::min(bottom, image.height()); ++y)
    std::memcpy(image.scanLine(y), m_line.data(), m_line.size() * sizeof(QRgb));
}

void TimelineRaster::drawRow(const Frame& frame, const PlacedRow& placed, size_t order,
                             QImage& image) {
  const Row& row = frame.scene.rows[placed.row];
  const bool header =
      row.kind == RowKind::kRun || row.kind == RowKind::kReplica || row.kind == RowKind::kRank;
  const QRgb background = header           ? m_theme.groupBand.rgb()
                          : order % 2 == 0 ? m_theme.background.rgb()
                                           : m_theme.rowAlternate.rgb();
  const int top = deviceY(frame, placed.top);
  const int bottom = deviceY(frame, placed.top + placed.height);
  drawBackground(background, top, bottom, image);
  if (placed.lanes.empty()) {
    if (placed.folded) drawUnion(frame, placed, top, bottom - top - 3, background, image);
    return;
  }
  for (const PlacedLane& lane : placed.lanes) {
    const int laneTop = deviceY(frame, lane.top);
    const int laneHeight = deviceY(frame, lane.top + lane.height) - laneTop - 1;
    if (laneTop + laneHeight <= 0 || laneTop >= image.height()) continue;
    const Lane& blocks = row.lanes[lane.lane];
    m_work->clear();
    m_work->add(blocks);
    const bool withBubbles = lane.lane == 0 && !row.bubbles.empty();
    drawBand(withBubbles ? &row : nullptr, laneTop, laneHeight, background, image);
    const bool stage = row.kind == RowKind::kStage;
    drawLabels(frame, placed.row, blocks, stage, laneTop, laneHeight, image);
    if (withBubbles) drawLabels(frame, placed.row, row.bubbles, true, laneTop, laneHeight, image);
  }
}

void TimelineRaster::drawUnion(const Frame& frame, const PlacedRow& placed, int top, int height,
                               QRgb background, QImage& image) {
  m_work->clear();
  for (uint32_t r = placed.row + 1; r < frame.scene.subtreeEnd(placed.row); ++r) {
    if (!frame.scene.rows[r].gpuWork) continue;
    for (const Lane& lane : frame.scene.rows[r].lanes) m_work->add(lane);
  }
  drawBand(nullptr, top, height, background, image);
}

TimelineRaster::Ink TimelineRaster::inkOf(BlockStyle style, double share, bool edge,
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

void TimelineRaster::drawBand(const Row* bubblesOf, int top, int height, QRgb background,
                              QImage& image) {
  const Ink nothing{0, 0, Hatch::kNone};
  for (size_t x = 0; x < m_painted.size(); ++x) {
    const Column& c = (*m_work)[x];
    m_painted[x] = {c.touched ? inkOf(c.style, m_work->share(c), c.edge, background) : nothing,
                    nothing, height};
  }
  if (bubblesOf != nullptr) addBubbles(*bubblesOf, height, background);
  blit(top, height, image);
}

void TimelineRaster::addBubbles(const Row& row, int height, QRgb background) {
  m_idle->clear();
  m_idle->add(row.bubbles);
  const auto least = static_cast<int>(kLeastBubblePixels * m_scale);
  for (size_t x = 0; x < m_painted.size(); ++x) {
    const Column& c = (*m_idle)[x];
    if (!c.touched) continue;
    const bool alone = !(*m_work)[x].touched;
    const int part = alone ? height : std::max(least, static_cast<int>(m_idle->share(c) * height));
    m_painted[x].lower = inkOf(c.style, 1.0, c.edge, background);
    m_painted[x].split = std::max(0, height - part);
  }
}

bool TimelineRaster::isPlain(int height) const {
  return std::all_of(m_painted.begin(), m_painted.end(), [height](const PaintedColumn& c) {
    return c.split == height && c.upper.hatch == Hatch::kNone;
  });
}

void TimelineRaster::blit(int top, int height, QImage& image) {
  const int first = std::max(0, -top);
  const int last = std::min(height, image.height() - top);
  if (first >= last) return;
  if (isPlain(height)) {
    auto* pixels = reinterpret_cast<const QRgb*>(image.constScanLine(top + first));
    m_line.assign(pixels, pixels + m_painted.size());
    for (size_t x = 0; x < m_painted.size(); ++x) {
      if (m_painted[x].upper.fill != 0) m_line[x] = m_painted[x].upper.fill;
    }
    for (int line = first; line < last; ++line)
      std::memcpy(image.scanLine(top + line), m_line.data(), m_line.size() * sizeof(QRgb));
    return;
  }
  for (int line = first; line < last; ++line) {
    auto* pixels = reinterpret_cast<QRgb*>(image.scanLine(top + line));
    for (size_t x = 0; x < m_painted.size(); ++x) {
      const PaintedColumn& column = m_painted[x];
      const Ink& ink = line < column.split ? column.upper : column.lower;
      if (ink.fill == 0) continue;
      pixels[x] = ink.hatch != Hatch::kNone && onLine(ink.hatch, static_cast<int>(x), top + line)
                      ? ink.line
                      : ink.fill;
    }
  }
}

void TimelineRaster::drawLabels(const Frame& frame, uint32_t row, const Lane& lane,
                                bool withDuration, int top, int height, QImage& image) {
  if (height < m_glyphs.height() - 2) return;
  const double least = kLeastLabelPixels * frame.view.nsPerPixel;
  const auto [first, last] = lane.touching(frame.view.span());
  lane.walk(
      first, last,
      [&](const Lane::Node& node) { return static_cast<double>(node.longestNs) < least; },
      [](const Lane::Node&) {},
      [&](size_t index) {
        if (static_cast<double>(lane.span(index).lengthNs()) >= least)
          drawLabel(frame, row, lane[index], withDuration, top, height, image);
      });
}

void TimelineRaster::drawLabel(const Frame& frame, uint32_t row, const Block& block,
                               bool withDuration, int top, int height, QImage& image) {
  const TimeView view = deviceView(frame, image.width());
  const double left = std::max(0.0, view.pixelOf(block.beginNs));
  const double right = std::min<double>(view.width, view.pixelOf(block.endNs));
  const int room = static_cast<int>(right - left) - 2 * kLabelPadding;
  if (room < kLeastLabelPixels * m_scale - 2 * kLabelPadding) return;
  const std::string_view text = blockText(frame.scene, row, block, m_text);
  if (text.empty()) return;
  const QRgb full = m_shades[static_cast<size_t>(block.style.paint)][block.style.shade & 3U];
  const bool bubble = isBubble(block.style.paint);
  const QRgb ink = bubble ? m_theme.text.rgb() : textOn(QColor(full)).rgb();
  const int x = static_cast<int>(left) + kLabelPadding;
  const int y = top + (height - m_glyphs.height()) / 2;
  std::string whole(text);
  if (withDuration) {
    std::string longer = whole + "  " + formatDuration(block.durationNs());
    if (m_glyphs.width(longer) <= room) whole = std::move(longer);
  }
  const int needed = m_glyphs.width(whole);
  // Words across a hatch, its own or that of bubbles inside a pass, are hard to read: a plain strip
  // behind them.
  const bool hatched = hatchOf(block.style.paint) != Hatch::kNone;
  if (hatched && needed > room) return;
  if (needed <= room && (hatched || !frame.scene.rows[row].bubbles.empty())) {
    const QRgb plain = bubble ? mixed(m_theme.background.rgb(), full, kBubbleTint) : full;
    for (int line = std::max(0, y); line < std::min(y + m_glyphs.height(), image.height());
         ++line) {
      auto* pixels = reinterpret_cast<QRgb*>(image.scanLine(line));
      std::fill(pixels + x - 2, pixels + std::min(x + needed + 2, image.width()), plain);
    }
  }
  m_glyphs.draw(image, x, y, whole, room, ink);
}

}  // namespace caracal::ui
