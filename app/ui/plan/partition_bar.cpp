#include "app/ui/plan/partition_bar.h"

#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <cmath>
#include <numeric>

#include "app/ui/plan/plan_edits.h"

namespace caracal::ui {
namespace {

constexpr int kGrip = 7;  // pixels around a boundary that catch the mouse

}  // namespace

PartitionBar::PartitionBar(QWidget* parent) : QWidget(parent) {
  setFocusPolicy(Qt::StrongFocus);
  setMouseTracking(true);
  setAccessibleName(tr("Layers of each stage"));
  setToolTip(tr(
      "Drag a boundary, or choose one and press the arrow keys, to move layers between stages."));
}

void PartitionBar::set(std::vector<int32_t> layers, QStringList words) {
  m_layers = std::move(layers);
  m_words = std::move(words);
  if (!m_dragging) m_dragged = m_layers;
  if (m_boundary >= static_cast<int>(m_layers.size()) - 1) m_boundary = -1;
  update();
}

void PartitionBar::setTheme(ThemeKind kind) {
  m_theme = kind;
  update();
}

int32_t PartitionBar::total() const {
  return std::accumulate(m_layers.begin(), m_layers.end(), 0);
}

int PartitionBar::boundaryX(const std::vector<int32_t>& layers, size_t boundary) const {
  const int32_t before =
      std::accumulate(layers.begin(), layers.begin() + static_cast<ptrdiff_t>(boundary) + 1, 0);
  return static_cast<int>(static_cast<int64_t>(width()) * before / std::max(1, total()));
}

int PartitionBar::boundaryAt(int x) const {
  for (size_t b = 0; b + 1 < m_layers.size(); ++b) {
    if (std::abs(boundaryX(m_dragged, b) - x) <= kGrip) return static_cast<int>(b);
  }
  return -1;
}

// As many words as fit.
QString PartitionBar::layersText(size_t stage, const QFontMetrics& metrics, int width) const {
  const QString number = QString::number(stage);
  const QString name = (m_chunks ? tr("chunk %1") : tr("stage %1")).arg(number);
  const int32_t count = m_dragged[stage];
  const QString layers = count == 1 ? tr("1 layer") : tr("%1 layers").arg(count);
  QString text;
  for (const QString& form :
       {name + QStringLiteral(": ") + layers, number + QStringLiteral(": ") + layers,
        QStringLiteral("%1: %2").arg(number).arg(count)}) {
    text = form;
    if (metrics.horizontalAdvance(text) <= width) break;
  }
  return text;
}

void PartitionBar::paintStage(QPainter& painter, size_t stage, int left, int right) const {
  const Theme& colours = theme(m_theme);
  const QColor fill = stage % 2 == 0 ? colours.of(Paint::kForward) : colours.of(Paint::kBackward);
  const QRect area(left, 4, right - left, height() - 8);
  painter.fillRect(area, fill);
  painter.setPen(textOn(fill));
  const QRect inside = area.adjusted(6, 0, -4, 0);
  const QFontMetrics metrics = painter.fontMetrics();
  QString text = layersText(stage, metrics, inside.width());
  if (const QString words = m_words.value(static_cast<qsizetype>(stage));
      !words.isEmpty() && !m_dragging)
    text += QLatin1Char('\n') + metrics.elidedText(words, Qt::ElideRight, inside.width());
  painter.drawText(inside, Qt::AlignLeft | Qt::AlignVCenter, text);
}

void PartitionBar::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  const Theme& colours = theme(m_theme);
  painter.fillRect(rect(), colours.background);
  int left = 0;
  for (size_t s = 0; s < m_dragged.size(); ++s) {
    const int right = boundaryX(m_dragged, s);
    paintStage(painter, s, left, right);
    left = right;
  }
  for (size_t b = 0; b + 1 < m_dragged.size(); ++b) {
    const bool chosen = static_cast<int>(b) == m_boundary && (hasFocus() || m_dragging);
    const int x = boundaryX(m_dragged, b);
    painter.fillRect(QRect(x - 2, 0, 4, height()), chosen ? colours.accent : colours.text);
  }
}

void PartitionBar::mousePressEvent(QMouseEvent* event) {
  m_boundary = boundaryAt(static_cast<int>(event->position().x()));
  m_dragging = m_boundary >= 0;
  update();
}

void PartitionBar::mouseMoveEvent(QMouseEvent* event) {
  const int x = static_cast<int>(event->position().x());
  if (!m_dragging) {
    setCursor(boundaryAt(x) >= 0 ? Qt::SplitHCursor : Qt::ArrowCursor);
    return;
  }
  const auto boundary = static_cast<size_t>(m_boundary);
  const double layersPerPixel = static_cast<double>(total()) / std::max(1, width());
  const int moved =
      static_cast<int>(std::lround((x - boundaryX(m_layers, boundary)) * layersPerPixel));
  m_dragged = movedBoundary(m_layers, boundary, moved);
  update();
}

void PartitionBar::mouseReleaseEvent(QMouseEvent*) {
  if (!m_dragging) return;
  m_dragging = false;
  if (m_dragged != m_layers) emit partitionEdited(m_dragged);
  m_dragged = m_layers;
  update();
}

void PartitionBar::keyPressEvent(QKeyEvent* event) {
  const int last = static_cast<int>(m_layers.size()) - 2;
  const int step = event->key() == Qt::Key_Left ? -1 : event->key() == Qt::Key_Right ? 1 : 0;
  if (event->key() == Qt::Key_Up || event->key() == Qt::Key_Down) {
    m_boundary =
        std::clamp(m_boundary + (event->key() == Qt::Key_Down ? 1 : -1), 0, std::max(0, last));
    return update();
  }
  if (step == 0 || last < 0) return QWidget::keyPressEvent(event);
  m_boundary = std::clamp(m_boundary, 0, last);
  const std::vector<int32_t> moved = movedBoundary(m_layers, static_cast<size_t>(m_boundary), step);
  if (moved != m_layers) emit partitionEdited(moved);
}

}  // namespace caracal::ui
