#include "app/ui/panels/minimap.h"

#include <QMouseEvent>
#include <QPainter>
#include <QWheelEvent>
#include <algorithm>
#include <cmath>

#include "app/ui/timeline/timeline_controller.h"

namespace caracal::ui {
namespace {

constexpr int kHeight = 30;
constexpr double kLeastViewport = 5;   // pixels: a deep zoom can still be seen and held
constexpr double kZoomPerNotch = 0.8;  // as in the timeline

void paintRun(QPainter& painter, const QRect& area, const std::vector<float>& busy,
              const Theme& theme) {
  if (busy.empty()) return;
  for (int x = 0; x < area.width(); ++x) {
    const auto first = static_cast<size_t>(x) * busy.size() / static_cast<size_t>(area.width());
    const auto last = std::max(
        first + 1, static_cast<size_t>(x + 1) * busy.size() / static_cast<size_t>(area.width()));
    float least = busy[first], most = busy[first];
    for (size_t b = first; b < std::min(last, busy.size()); ++b) {
      least = std::min(least, busy[b]);
      most = std::max(most, busy[b]);
    }
    // Always busy is dark, busy at times is light: idle spans stay visible in a column they share.
    const auto high = [&](float share) {
      return static_cast<int>(std::ceil(share * static_cast<float>(area.height())));
    };
    QColor light = theme.of(Paint::kCompute);
    light.setAlphaF(0.45F);
    painter.fillRect(area.left() + x, area.bottom() + 1 - high(most), 1, high(most), light);
    painter.fillRect(area.left() + x, area.bottom() + 1 - high(least), 1, high(least),
                     theme.of(Paint::kCompute));
  }
}

}  // namespace

Minimap::Minimap(TimelineController& controller, QWidget* parent)
    : QWidget(parent), m_controller(controller) {
  setFixedHeight(kHeight);
  setAccessibleName(tr("Minimap"));
  setToolTip(tr("The whole run: how busy its ranks are. Drag the frame to move the view."));
  setCursor(Qt::SizeHorCursor);
  const auto repaint = qOverload<>(&QWidget::update);
  connect(&controller, &TimelineController::sceneChanged, this, [this] {
    // Folded steps lie below each other: there is no whole run to show.
    setVisible(!m_controller.scene().folded);
    update();
  });
  connect(&controller, &TimelineController::viewChanged, this, repaint);
  connect(&controller, &TimelineController::selectionChanged, this, repaint);
}

void Minimap::setTheme(ThemeKind kind) {
  m_theme = kind;
  update();
}

double Minimap::pixelOf(int64_t timeNs) const {
  const Span range = m_controller.scene().range;
  return static_cast<double>(timeNs - range.beginNs) * width() /
         static_cast<double>(std::max<int64_t>(range.lengthNs(), 1));
}

int64_t Minimap::timeAt(double pixel) const {
  const Span range = m_controller.scene().range;
  return range.beginNs +
         static_cast<int64_t>(pixel / std::max(width(), 1) * static_cast<double>(range.lengthNs()));
}

QRectF Minimap::viewport() const {
  const Span visible = m_controller.view().span();
  const double left = std::clamp(pixelOf(visible.beginNs), 0.0, width() - kLeastViewport);
  const double right = std::clamp(pixelOf(visible.endNs), left + kLeastViewport,
                                  std::max<double>(left + kLeastViewport, width()));
  return {left, 0.5, right - left - 1, height() - 1.0};
}

void Minimap::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  const Theme& colours = theme(m_theme);
  painter.fillRect(rect(), colours.background);
  const Scene& scene = m_controller.scene();
  if (scene.empty()) return;
  const int runs = static_cast<int>(scene.runs.size());
  for (int r = 0; r < runs; ++r) {
    const int top = height() * r / runs, bottom = height() * (r + 1) / runs;
    paintRun(painter, QRect(0, top + 2, width(), std::max(1, bottom - top - 3)),
             scene.runs[static_cast<size_t>(r)].overview, colours);
  }
  if (const auto& range = m_controller.range()) {
    QColor veil = colours.accent;
    veil.setAlpha(90);
    const double left = pixelOf(range->beginNs);
    painter.fillRect(QRectF(left, 0, std::max(1.0, pixelOf(range->endNs) - left), height()), veil);
  }
  const QRectF frame = viewport();
  QColor outside = colours.background;
  outside.setAlpha(150);
  painter.fillRect(QRectF(0, 0, frame.left(), height()), outside);
  painter.fillRect(QRectF(frame.right(), 0, width() - frame.right(), height()), outside);
  painter.setPen(QPen(colours.accent, 1.5));
  painter.drawRect(frame);
}

void Minimap::centreOn(double pixel) {
  const TimeView& view = m_controller.view();
  const double shift = static_cast<double>(timeAt(pixel) - view.timeAt(view.width / 2.0));
  m_controller.panBy(shift / view.nsPerPixel);
}

void Minimap::mousePressEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton || m_controller.scene().empty()) return;
  const double x = event->position().x();
  const QRectF frame = viewport();
  const bool inside = x >= frame.left() && x <= frame.right();
  m_grip = inside ? x - frame.center().x() : 0;
  if (!inside) centreOn(x);
}

void Minimap::mouseMoveEvent(QMouseEvent* event) {
  if (event->buttons() & Qt::LeftButton) centreOn(event->position().x() - m_grip);
}

void Minimap::mouseReleaseEvent(QMouseEvent*) {
  m_controller.endGesture();
}

void Minimap::wheelEvent(QWheelEvent* event) {
  const double notches = event->angleDelta().y() / 120.0;
  m_controller.zoomAt(std::pow(kZoomPerNotch, notches), m_controller.view().width / 2.0);
  event->accept();
}

}  // namespace caracal::ui
