#include "app/ui/render/render_timeline.h"

#include <QApplication>
#include <QFile>
#include <QPainter>
#include <QSvgGenerator>
#include <algorithm>
#include <cmath>

#include "app/ui/panels/legend.h"
#include "app/ui/qt_text.h"
#include "app/ui/timeline/block_text.h"
#include "app/ui/timeline/raster.h"
#include "app/ui/timeline/row_headers.h"
#include "app/ui/timeline/ruler.h"
#include "app/ui/timeline/timeline_controller.h"

namespace caracal::ui {
namespace {

constexpr int kMostHeight = 1080;
constexpr int kLegendLine = 24;

// Where everything goes; the same for both formats.
struct Picture {
  TimelineController controller;
  QRect headers, ruler, canvas, legend;
  QSize size;
};

void arrange(Picture& picture, const Scene& scene, const RenderOptions& options) {
  TimelineController& c = picture.controller;
  // The scene outlives the picture: an alias that owns nothing.
  c.setScene(std::shared_ptr<const Scene>(std::shared_ptr<const Scene>(), &scene));
  const int header = preferredHeaderWidth(scene, c.layout(), QApplication::font());
  const std::vector<Paint> paints = paintsOf(scene);
  QImage probe(1, 1, QImage::Format_RGB32);
  QPainter measure(&probe);
  const int legend =
      paintLegend(measure, {0, 0}, options.width - 16, paints, theme(options.theme)) +
      kLegendLine / 2;
  const int natural = kRulerHeight + c.layout().height + legend;
  const int height = options.height > 0 ? options.height : std::min(natural, kMostHeight);
  picture.size = {options.width, height};
  picture.headers = {0, kRulerHeight, header, height - kRulerHeight - legend};
  picture.ruler = {header, 0, options.width - header, kRulerHeight};
  picture.canvas = {header, kRulerHeight, options.width - header, height - kRulerHeight - legend};
  picture.legend = {8, height - legend + 6, options.width - 16, legend - 6};
  c.setWidth(picture.canvas.width());
  if (options.fromNs || options.toNs) {
    c.showSpan(
        {options.fromNs.value_or(scene.range.beginNs), options.toNs.value_or(scene.range.endNs)});
  }
}

void paintFrame(QPainter& painter, const Picture& picture, const Scene& scene, ThemeKind kind) {
  const Theme& colours = theme(kind);
  paintRowHeaders(painter, picture.headers, scene, picture.controller.layout(), 0, kNoRow, colours);
  painter.fillRect(QRect(0, 0, picture.headers.width(), kRulerHeight), colours.groupBand);
  paintRuler(painter, picture.ruler, picture.controller.view(), colours);
  painter.fillRect(
      QRect(0, picture.canvas.bottom() + 1, picture.size.width(), picture.size.height()),
      colours.background);
  paintLegend(painter, picture.legend.topLeft(), picture.legend.width(), paintsOf(scene), colours);
}

// Blocks of a lane as rectangles; what is narrower than a pixel is merged with its neighbours.
void paintLane(QPainter& painter, const Picture& picture, const Scene& scene, uint32_t row,
               const Lane& lane, const PlacedLane& placed, const Theme& colours) {
  const TimeView& view = picture.controller.view();
  const auto [first, last] = lane.touching(view.span());
  double drawnTo = -1;
  std::string buffer;
  for (size_t i = first; i < last;) {
    const Block block = lane[i];
    const double left = std::max(0.0, view.pixelOf(block.beginNs));
    const double right = std::min<double>(view.width, view.pixelOf(block.endNs));
    if (right <= drawnTo) {
      // The next one that reaches out of the pixel just drawn.
      i = std::max(i + 1, lane.touching({view.timeAt(drawnTo), INT64_MAX}).first);
      continue;
    }
    ++i;
    const QRectF area(picture.canvas.left() + left, picture.canvas.top() + placed.top,
                      std::max(1.0, right - left), placed.height - 1);
    drawnTo = std::max(right, left + 1);
    if (area.top() > picture.canvas.bottom()) return;
    paintSwatch(painter, area.toRect(), block.style.paint, colours);
    if (area.width() < 22 || area.height() < 10) continue;
    const std::string_view text = blockText(scene, row, block, buffer);
    const QString words = painter.fontMetrics().elidedText(toQt(text), Qt::ElideRight,
                                                           static_cast<int>(area.width()) - 4);
    painter.setPen(isBubble(block.style.paint) ? colours.text
                                               : textOn(colours.of(block.style.paint)));
    painter.drawText(area.adjusted(3, 0, 0, 0), Qt::AlignLeft | Qt::AlignVCenter, words);
  }
}

}  // namespace

QImage renderTimeline(const Scene& scene, const RenderOptions& options) {
  Picture picture;
  arrange(picture, scene, options);
  QImage image(picture.size, QImage::Format_RGB32);
  QImage blocks(picture.canvas.size(), QImage::Format_RGB32);
  TimelineRaster raster(theme(options.theme), QApplication::font(), 1.0);
  raster.draw({scene, picture.controller.layout(), picture.controller.view(), 0, 1.0}, blocks);
  QPainter painter(&image);
  painter.drawImage(picture.canvas.topLeft(), blocks);
  paintFrame(painter, picture, scene, options.theme);
  return image;
}

Result<void> writeTimelinePng(const Scene& scene, const RenderOptions& options,
                              const QString& path) {
  if (!renderTimeline(scene, options).save(path, "PNG")) {
    return fail(ErrorCode::kIo, "{} could not be written; is the folder there and writable?",
                path.toStdString());
  }
  return {};
}

Result<void> writeTimelineSvg(const Scene& scene, const RenderOptions& options,
                              const QString& path) {
  QFile file(path);
  if (!file.open(QIODevice::WriteOnly | QIODevice::Truncate)) {
    return fail(ErrorCode::kIo, "{} could not be written: {}", path.toStdString(),
                file.errorString().toStdString());
  }
  Picture picture;
  arrange(picture, scene, options);
  QSvgGenerator generator;
  generator.setOutputDevice(&file);
  generator.setSize(picture.size);
  generator.setViewBox(QRect(QPoint(0, 0), picture.size));
  generator.setTitle(QStringLiteral("Caracal timeline"));
  const Theme& colours = theme(options.theme);
  QPainter painter(&generator);
  painter.fillRect(QRect(QPoint(0, 0), picture.size), colours.background);
  for (const PlacedRow& placed : picture.controller.layout().rows) {
    const Row& row = scene.rows[placed.row];
    for (const PlacedLane& lane : placed.lanes) {
      paintLane(painter, picture, scene, placed.row, row.lanes[lane.lane], lane, colours);
      if (lane.lane == 0)
        paintLane(painter, picture, scene, placed.row, row.bubbles, lane, colours);
    }
  }
  paintFrame(painter, picture, scene, options.theme);
  if (!painter.end() || file.error() != QFile::NoError) {
    return fail(ErrorCode::kIo, "{} could not be written completely", path.toStdString());
  }
  return {};
}

}  // namespace caracal::ui
