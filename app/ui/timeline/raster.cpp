#include "app/ui/timeline/raster.h"

#include <time.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>
#include <utility>

#include "app/ui/timeline/block_text.h"
#include "core/base/format.h"

namespace caracal::ui {
namespace {

constexpr double kLeastLabelPixels = 22;
constexpr int kLabelPadding = 3;
constexpr unsigned kMostPainters = 8;
constexpr double kNewest = 0.25;  // share of the latest frame in what a row is expected to cost

int64_t threadTimeNs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

struct TimelineRaster::Rows {
  const Frame& frame;
  size_t first = 0, last = 0;  // of the layout's rows, those that are visible
  Pixels pixels;
};

TimelineRaster::TimelineRaster(const Theme& theme, const QFont& font, double scale,
                               int64_t worthAPainterNs)
    : m_theme(theme),
      m_scale(scale),
      m_glyphs([&] {
        QFont scaled = font;
        scaled.setPixelSize(std::max(6, static_cast<int>(std::lround(11 * scale))));
        return scaled;
      }()),
      m_shades(shadesOf(theme)),
      m_worthAPainterNs(worthAPainterNs) {
  const unsigned painters = std::clamp(std::thread::hardware_concurrency(), 1U, kMostPainters);
  for (unsigned i = 0; i < painters; ++i)
    m_painters.push_back(std::make_unique<RowPainter>(theme, m_shades));
  m_threads.setMaxThreadCount(static_cast<int>(painters) - 1);
}

void TimelineRaster::findGridLines(const Frame& frame, int width) {
  const TimeView view = frame.deviceView(width);
  m_gridLines.clear();
  for (const Tick& tick : ticks(frame.view, kMajorTickPixels)) {
    const auto x = static_cast<int>(std::floor(view.pixelOf(tick.timeNs)));
    if (tick.major && x >= 0 && x < width) m_gridLines.push_back(x);
  }
}

void TimelineRaster::draw(const Frame& frame, QImage& image) {
  findGridLines(frame, image.width());
  const int bottom = frame.scrollY + static_cast<int>(std::ceil(image.height() / m_scale));
  const std::vector<PlacedRow>& rows = frame.layout.rows;
  const auto isAbove = [](int y) {
    return [y](const PlacedRow& row) { return row.top + row.height <= y; };
  };
  const auto begin = std::partition_point(rows.begin(), rows.end(), isAbove(frame.scrollY));
  const auto end = std::partition_point(
      begin, rows.end(), [bottom](const PlacedRow& row) { return row.top < bottom; });
  const Pixels pixels{reinterpret_cast<QRgb*>(image.bits()),
                      static_cast<size_t>(image.bytesPerLine()) / sizeof(QRgb), image.width(),
                      image.height()};
  paintRows({frame, static_cast<size_t>(begin - rows.begin()),
             static_cast<size_t>(end - rows.begin()), pixels});
  for (auto row = begin; row != end; ++row) drawRowLabels(frame, *row, image);
  const int filledTo =
      begin == end ? 0 : frame.deviceY(std::prev(end)->top + std::prev(end)->height);
  for (int y = std::max(0, filledTo); y < image.height(); ++y)
    std::fill_n(pixels.line(y), pixels.width, m_theme.background.rgb());
}

// Rows differ much in what they cost, so each painter takes the next one. A thread that the machine
// starts late is not waited for: it finds the queue empty and touches nothing else, whatever frame
// is painted by then.
void TimelineRaster::paintRows(const Rows& rows) {
  struct Queue {
    std::atomic<size_t> next, unpainted;
    std::atomic<int64_t> workNs{0};
  };
  const size_t count = rows.last - rows.first;
  if (count == 0) return;
  const auto queue = std::make_shared<Queue>();
  queue->next = rows.first;
  queue->unpainted = count;
  const auto work = [this, queue, &rows, last = rows.last](RowPainter& painter) {
    size_t row = queue->next++;
    if (row >= last) return;
    int64_t sinceNs = threadTimeNs();
    painter.prepare(rows.frame, rows.pixels.width, m_gridLines);
    for (; row < last; row = queue->next++) {
      painter.paint(rows.frame, rows.frame.layout.rows[row], row, rows.pixels);
      const int64_t nowNs = threadTimeNs();
      queue->workNs += nowNs - std::exchange(sinceNs, nowNs);
      if (--queue->unpainted == 0) queue->unpainted.notify_one();
    }
  };
  for (size_t i = 1; i < paintersFor(count); ++i)
    m_threads.start([work, painter = m_painters[i].get()] { work(*painter); });
  work(*m_painters.front());
  while (const size_t unpainted = queue->unpainted) queue->unpainted.wait(unpainted);
  const double rowNs = static_cast<double>(queue->workNs) / static_cast<double>(count);
  m_rowNs += kNewest * (rowNs - m_rowNs);
}

size_t TimelineRaster::paintersFor(size_t rows) const {
  const size_t most = std::min(m_painters.size(), rows);
  if (m_worthAPainterNs <= 0) return most;
  const double worth = m_rowNs * static_cast<double>(rows) / static_cast<double>(m_worthAPainterNs);
  return std::clamp(static_cast<size_t>(worth), size_t{1}, most);
}

void TimelineRaster::drawRowLabels(const Frame& frame, const PlacedRow& placed, QImage& image) {
  const Row& row = frame.scene.rows[placed.row];
  const bool stage = row.kind == RowKind::kStage;
  for (const PlacedLane& lane : placed.lanes) {
    const int top = frame.deviceY(lane.top);
    const int height = frame.deviceY(lane.top + lane.height) - top - 1;
    if (top + height <= 0 || top >= image.height()) continue;
    drawLabels(frame, placed.row, row.lanes[lane.lane], stage, top, height, image);
    if (lane.lane == 0 && !row.bubbles.empty())
      drawLabels(frame, placed.row, row.bubbles, true, top, height, image);
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
      [&](size_t index, Span span) {
        if (static_cast<double>(span.lengthNs()) >= least)
          drawLabel(frame, row, lane[index], withDuration, top, height, image);
      });
}

void TimelineRaster::drawLabel(const Frame& frame, uint32_t row, const Block& block,
                               bool withDuration, int top, int height, QImage& image) {
  const TimeView view = frame.deviceView(image.width());
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
