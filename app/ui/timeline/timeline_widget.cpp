#include "app/ui/timeline/timeline_widget.h"

#include <QApplication>
#include <QContextMenuEvent>
#include <QHelpEvent>
#include <QMenu>
#include <QMouseEvent>
#include <QPainter>
#include <QScrollBar>
#include <QToolTip>
#include <QWheelEvent>
#include <algorithm>
#include <cmath>

#include "app/ui/timeline/block_text.h"
#include "app/ui/timeline/overlays.h"
#include "app/ui/timeline/raster.h"
#include "app/ui/timeline/row_headers.h"
#include "app/ui/timeline/ruler.h"

namespace caracal::ui {
namespace {

constexpr double kSnapPixels = 6;
constexpr double kZoomPerNotch = 0.8;  // per 120 units of wheel delta
constexpr int kRowsPerNotch = 48;      // pixels of content
constexpr int kTipFacts = 8;           // the rest is in the details panel

}  // namespace

TimelineWidget::TimelineWidget(TimelineController& controller, QWidget* parent)
    : QAbstractScrollArea(parent), m_controller(controller) {
  setFocusPolicy(Qt::StrongFocus);
  setFrameShape(QFrame::NoFrame);
  setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  viewport()->setMouseTracking(true);
  viewport()->setAttribute(Qt::WA_OpaquePaintEvent);
  setAccessibleName(tr("Timeline"));
  connect(&controller, &TimelineController::layoutChanged, this, &TimelineWidget::applyGeometry);
  connect(&controller, &TimelineController::viewChanged, this, &TimelineWidget::redraw);
  connect(&controller, &TimelineController::selectionChanged, viewport(),
          qOverload<>(&QWidget::update));
  connect(&controller, &TimelineController::overlayChanged, viewport(),
          qOverload<>(&QWidget::update));
  connect(&controller, &TimelineController::revealRow, this, &TimelineWidget::scrollToRow);
}

TimelineWidget::~TimelineWidget() = default;

void TimelineWidget::setTheme(ThemeKind kind) {
  m_theme = kind;
  m_raster.reset();
  redraw();
}

QRect TimelineWidget::canvas() const {
  return viewport()->rect().adjusted(m_headerWidth, kRulerHeight, 0, 0);
}

int TimelineWidget::scrollY() const {
  return verticalScrollBar()->value();
}

double TimelineWidget::axisX(const QPointF& position) const {
  return position.x() - m_headerWidth;
}

int TimelineWidget::contentY(const QPointF& position) const {
  return static_cast<int>(position.y()) - kRulerHeight + scrollY();
}

double TimelineWidget::anchorPixel() const {
  if (m_mouse && canvas().contains(m_mouse->toPoint())) return axisX(*m_mouse);
  return m_controller.view().width / 2.0;
}

int64_t TimelineWidget::anchorTime() const {
  return m_controller.view().timeAt(anchorPixel());
}

void TimelineWidget::applyGeometry() {
  m_headerWidth = preferredHeaderWidth(m_controller.scene(), m_controller.layout(), font());
  m_controller.setWidth(std::max(1, canvas().width()));
  QScrollBar* bar = verticalScrollBar();
  bar->setRange(0, std::max(0, m_controller.layout().height - canvas().height()));
  bar->setPageStep(canvas().height());
  bar->setSingleStep(kRowsPerNotch / 3);
  redraw();
}

void TimelineWidget::redraw() {
  m_dirty = true;
  viewport()->update();
}

void TimelineWidget::scrollToRow(uint32_t row) {
  const size_t place = m_controller.layout().placeOf(row);
  if (place == m_controller.layout().rows.size()) return;
  const PlacedRow& placed = m_controller.layout().rows[place];
  const int page = canvas().height();
  if (placed.top < scrollY()) {
    verticalScrollBar()->setValue(placed.top);
  } else if (placed.top + placed.height > scrollY() + page) {
    verticalScrollBar()->setValue(placed.top + std::min(placed.height, page) - page);
  }
}

void TimelineWidget::paintEvent(QPaintEvent*) {
  QPainter painter(viewport());
  const Theme& colours = theme(m_theme);
  if (m_controller.scene().empty()) return paintEmpty(painter);
  const QRect area = canvas();
  const double scale = devicePixelRatioF();
  if (!m_raster) m_raster = std::make_unique<TimelineRaster>(colours, font(), scale);
  const QSize pixels = area.size() * scale;
  if (m_dirty || m_image.size() != pixels) {
    if (m_image.size() != pixels) m_image = QImage(pixels, QImage::Format_RGB32);
    m_raster->draw(
        {m_controller.scene(), m_controller.layout(), m_controller.view(), scrollY(), scale},
        m_image);
    m_image.setDevicePixelRatio(scale);
    m_dirty = false;
  }
  painter.drawImage(area.topLeft(), m_image);
  std::optional<int64_t> hover;
  if (m_mouse && area.contains(m_mouse->toPoint()))
    hover = m_controller.view().timeAt(axisX(*m_mouse));
  paintOverlays(painter, {area, scrollY()}, m_controller, hover, colours);
  paintRowHeaders(painter, QRect(0, kRulerHeight, m_headerWidth, area.height()),
                  m_controller.scene(), m_controller.layout(), scrollY(),
                  m_controller.selected().row, colours);
  painter.fillRect(QRect(0, 0, m_headerWidth, kRulerHeight), colours.groupBand);
  paintRuler(painter, QRect(m_headerWidth, 0, area.width(), kRulerHeight), m_controller.view(),
             colours);
}

void TimelineWidget::paintEmpty(QPainter& painter) const {
  painter.fillRect(viewport()->rect(), theme(m_theme).background);
}

void TimelineWidget::resizeEvent(QResizeEvent*) {
  applyGeometry();
}

void TimelineWidget::scrollContentsBy(int, int) {
  redraw();
}

void TimelineWidget::wheelEvent(QWheelEvent* event) {
  // Some desktops turn Shift+wheel into horizontal deltas.
  const QPoint delta = event->angleDelta();
  const double notches = (delta.y() != 0 ? delta.y() : delta.x()) / 120.0;
  if (event->modifiers() & Qt::ControlModifier) {
    m_controller.zoomAt(std::pow(kZoomPerNotch, notches), axisX(event->position()));
  } else if ((event->modifiers() & Qt::ShiftModifier) || (delta.y() == 0 && delta.x() != 0)) {
    m_controller.panBy(-notches * m_controller.view().width / 10);
  } else {
    verticalScrollBar()->setValue(scrollY() - static_cast<int>(notches * kRowsPerNotch));
  }
  event->accept();
}

BlockRef TimelineWidget::blockUnder(const QPointF& position) const {
  if (!canvas().contains(position.toPoint())) return {};
  return blockAt(m_controller.scene(), m_controller.layout(), m_controller.view(), axisX(position),
                 contentY(position));
}

int64_t TimelineWidget::snapped(const QPointF& position, Qt::KeyboardModifiers modifiers) const {
  if (modifiers & Qt::AltModifier) return m_controller.view().timeAt(axisX(position));
  return snapToEdge(m_controller.scene(), m_controller.layout(), m_controller.view(),
                    axisX(position), contentY(position), kSnapPixels);
}

void TimelineWidget::mousePressEvent(QMouseEvent* event) {
  m_pressed = m_last = event->position();
  const bool pan = event->button() == Qt::MiddleButton ||
                   (event->button() == Qt::LeftButton && (event->modifiers() & Qt::ShiftModifier));
  if (pan) {
    m_drag = Drag::kPan;
    viewport()->setCursor(Qt::ClosedHandCursor);
    return;
  }
  if (event->button() != Qt::LeftButton) return;
  if (event->position().x() < m_headerWidth) {
    const size_t place = m_controller.layout().at(contentY(event->position()));
    const bool onRow =
        place < m_controller.layout().rows.size() && event->position().y() >= kRulerHeight;
    if (onRow && m_controller.layout().rows[place].foldable) {
      m_controller.toggleFold(m_controller.layout().rows[place].row);
    }
    return;
  }
  m_drag = Drag::kPress;
  m_rangeStart = snapped(event->position(), event->modifiers());
}

void TimelineWidget::mouseMoveEvent(QMouseEvent* event) {
  m_mouse = event->position();
  if (m_drag == Drag::kPress &&
      std::abs(event->position().x() - m_pressed.x()) >= QApplication::startDragDistance()) {
    m_drag = Drag::kRange;
  }
  if (m_drag == Drag::kRange) {
    const int64_t here = snapped(event->position(), event->modifiers());
    m_controller.setRange(Span{std::min(m_rangeStart, here), std::max(m_rangeStart, here)});
  } else if (m_drag == Drag::kPan) {
    const QPointF moved = event->position() - m_last;
    m_controller.panBy(-moved.x());
    verticalScrollBar()->setValue(scrollY() - static_cast<int>(moved.y()));
  }
  m_last = event->position();
  viewport()->update();
}

void TimelineWidget::mouseReleaseEvent(QMouseEvent* event) {
  if (m_drag == Drag::kPress) {
    m_controller.select(blockUnder(event->position()));
    m_controller.setRange(std::nullopt);
  }
  if (m_drag == Drag::kPan) viewport()->unsetCursor();
  m_drag = Drag::kNone;
  m_controller.endGesture();
}

void TimelineWidget::mouseDoubleClickEvent(QMouseEvent* event) {
  const BlockRef ref = blockUnder(event->position());
  if (!ref.valid()) return;
  m_controller.select(ref);
  m_controller.zoomToSelection();
}

void TimelineWidget::contextMenuEvent(QContextMenuEvent* event) {
  const BlockRef ref = blockUnder(event->pos());
  QMenu menu(this);
  QAction* copy = menu.addAction(tr("Copy details"));
  copy->setEnabled(ref.valid());
  connect(copy, &QAction::triggered, this, [this, ref] { emit copyRequested(ref); });
  QAction* zoom = menu.addAction(tr("Zoom to block"));
  zoom->setEnabled(ref.valid());
  connect(zoom, &QAction::triggered, this, [this, ref] {
    m_controller.select(ref);
    m_controller.zoomToSelection();
  });
  menu.addSeparator();
  connect(menu.addAction(tr("Fold all")), &QAction::triggered, this,
          [this] { m_controller.foldAll(true); });
  connect(menu.addAction(tr("Unfold all")), &QAction::triggered, this,
          [this] { m_controller.foldAll(false); });
  menu.exec(event->globalPos());
}

bool TimelineWidget::viewportEvent(QEvent* event) {
  if (event->type() == QEvent::ToolTip) {
    const auto* help = static_cast<QHelpEvent*>(event);
    showToolTip(help->globalPos(), help->pos());
    return true;
  }
  if (event->type() == QEvent::Leave) {
    m_mouse.reset();
    viewport()->update();
  }
  return QAbstractScrollArea::viewportEvent(event);
}

void TimelineWidget::showToolTip(const QPoint& global, const QPointF& position) {
  const BlockRef ref = blockUnder(position);
  if (!ref.valid()) return QToolTip::hideText();
  QString text = QStringLiteral("<table>");
  const std::vector<BlockFact> facts = describeBlock(m_controller.scene(), ref);
  for (size_t i = 0; i < std::min<size_t>(facts.size(), kTipFacts); ++i) {
    text += QStringLiteral("<tr><td>%1&nbsp;&nbsp;</td><td>%2</td></tr>")
                .arg(facts[i].name.toHtmlEscaped(), facts[i].value.left(200).toHtmlEscaped());
  }
  QToolTip::showText(global, text + QStringLiteral("</table>"), viewport());
}

}  // namespace caracal::ui
