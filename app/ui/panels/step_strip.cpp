#include "app/ui/panels/step_strip.h"

#include <QHelpEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QToolButton>
#include <QToolTip>
#include <algorithm>

#include "app/ui/timeline/timeline_controller.h"
#include "core/base/format.h"

namespace caracal::ui {
namespace {

constexpr int kHeight = 58;
constexpr int kMargin = 6;
constexpr int kCaptionWidth = 190;
constexpr int kLeastGapBar = 4;  // bars at least this wide have a gap between them

QString durationText(int64_t ns) {
  return QString::fromStdString(formatDuration(ns));
}

}  // namespace

StepStrip::StepStrip(TimelineController& controller, QWidget* parent)
    : QWidget(parent), m_controller(controller), m_fold(new QToolButton(this)) {
  setFixedHeight(kHeight);
  setAccessibleName(tr("Steps"));
  m_fold->setAutoRaise(true);
  m_fold->setToolTip(
      tr("Show the chosen steps below each other, aligned at their starts (O). "
         "Ctrl+click and Shift+click choose steps."));
  connect(m_fold, &QToolButton::clicked, this, &StepStrip::foldRequested);
  connect(&controller, &TimelineController::sceneChanged, this, &StepStrip::takeScene);
  connect(&controller, &TimelineController::viewChanged, this, qOverload<>(&QWidget::update));
  connect(this, &StepStrip::chosenChanged, this, &StepStrip::placeButton);
  takeScene();
}

void StepStrip::setTheme(ThemeKind kind) {
  m_theme = kind;
  update();
}

void StepStrip::takeScene() {
  // A folded scene shows some of these steps: the strip stays as it was.
  const Scene& scene = m_controller.scene();
  if (scene.folded) return placeButton();
  m_bars = scene.runs.empty() ? StepBars{} : stepBars(scene.runs[m_run].steps);
  m_numbers = scene.runs.empty() ? std::vector<int32_t>{} : scene.runs[m_run].stepNumbers;
  m_chosen.clear();
  setVisible(m_bars.lengthsNs.size() > 1);
  emit chosenChanged();
  update();
}

void StepStrip::placeButton() {
  const bool folded = m_controller.scene().folded;
  const int count = static_cast<int>(m_chosen.size());
  m_fold->setText(folded      ? tr("Back to the whole run")
                  : count > 1 ? tr("Fold %n steps", nullptr, count)
                              : tr("Fold all steps"));
  m_fold->adjustSize();
  m_fold->move(kMargin, height() - m_fold->height() - 3);
}

QRect StepStrip::barArea() const {
  return {kCaptionWidth, kMargin, std::max(1, width() - kCaptionWidth - 110),
          height() - 2 * kMargin};
}

QString StepStrip::describe(size_t step) const {
  const int64_t ns = m_bars.lengthsNs[step];
  const double change = m_bars.medianNs > 0 ? 100.0 * static_cast<double>(ns - m_bars.medianNs) /
                                                  static_cast<double>(m_bars.medianNs)
                                            : 0;
  QString words = tr("step %1: %2 (%3%4 % of the median)")
                      .arg(m_numbers[step])
                      .arg(durationText(ns), change >= 0 ? QStringLiteral("+") : QString())
                      .arg(change, 0, 'f', 1);
  return step == m_bars.worst ? tr("%1, the longest").arg(words) : words;
}

void StepStrip::paintBars(QPainter& painter, const QRect& area, const Theme& theme) const {
  const size_t steps = m_bars.lengthsNs.size();
  for (size_t s = 0; s < steps;) {
    const int left = leftOfStep(steps, s, area.width());
    // Steps that share a column show the highest of them.
    size_t highest = s, next = s + 1;
    for (; next < steps && leftOfStep(steps, next, area.width()) == left; ++next) {
      if (m_bars.lengthsNs[next] > m_bars.lengthsNs[highest]) highest = next;
    }
    const int right = leftOfStep(steps, next, area.width());
    const int gap = right - left >= kLeastGapBar ? 1 : 0;
    const int high = heightOfStep(m_bars, highest, area.height());
    const QRect bar(area.left() + left, area.bottom() + 1 - high, std::max(1, right - left - gap),
                    high);
    const bool worst = s <= m_bars.worst && m_bars.worst < next;
    painter.fillRect(bar, worst ? theme.warning : theme.of(Paint::kCompute));
    const auto chosen = m_chosen.lower_bound(s);
    if (chosen != m_chosen.end() && *chosen < next) {
      painter.setPen(QPen(theme.text, 2));
      painter.drawRect(bar.adjusted(0, 0, -1, -1));
    }
    s = next;
  }
}

void StepStrip::paintMedian(QPainter& painter, const QRect& area, const Theme& theme) const {
  if (m_bars.longestNs() == 0) return;
  const double share =
      static_cast<double>(m_bars.medianNs) / static_cast<double>(m_bars.longestNs());
  const int y = area.bottom() + 1 - static_cast<int>(share * area.height());
  painter.setPen(QPen(theme.text, 1, Qt::DashLine));
  painter.drawLine(area.left(), y, area.right(), y);
  const QRect label(area.right() + 6, std::clamp(y - 8, 2, height() - 18), 100, 16);
  painter.setPen(theme.text);
  painter.drawText(label, Qt::AlignLeft | Qt::AlignVCenter, tr("median"));
}

void StepStrip::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  const Theme& colours = theme(m_theme);
  painter.fillRect(rect(), colours.groupBand);
  const size_t steps = m_bars.lengthsNs.size();
  if (steps == 0) return;
  painter.setPen(colours.text);
  painter.drawText(QRect(kMargin + 3, 3, kCaptionWidth - kMargin, 15), Qt::AlignLeft,
                   tr("%n steps, median %1", nullptr, static_cast<int>(steps))
                       .arg(durationText(m_bars.medianNs)));
  painter.setPen(colours.warning);  // as its bar
  painter.drawText(QRect(kMargin + 3, 18, kCaptionWidth - kMargin, 15), Qt::AlignLeft,
                   tr("longest %1").arg(durationText(m_bars.longestNs())));
  paintBars(painter, barArea(), colours);
  paintMedian(painter, barArea(), colours);
}

void StepStrip::mousePressEvent(QMouseEvent* event) {
  const QRect area = barArea();
  const StepRange at = stepsAtPixel(
      m_bars.lengthsNs.size(), static_cast<int>(event->position().x()) - area.left(), area.width());
  if (at.first == at.last || event->button() != Qt::LeftButton) return;
  const size_t step = at.first;
  if (event->modifiers() & Qt::ShiftModifier) {
    for (size_t s = std::min(step, m_anchor); s <= std::max(step, m_anchor); ++s)
      m_chosen.insert(s);
  } else if (event->modifiers() & Qt::ControlModifier) {
    if (m_chosen.erase(step) == 0) m_chosen.insert(step);
    m_anchor = step;
  } else {
    m_chosen = {step};
    m_anchor = step;
    if (!m_controller.scene().folded) m_controller.selectStep(m_run, step);
  }
  emit chosenChanged();
  update();
}

bool StepStrip::event(QEvent* event) {
  if (event->type() != QEvent::ToolTip) return QWidget::event(event);
  const auto* help = static_cast<QHelpEvent*>(event);
  const QRect area = barArea();
  const StepRange at =
      stepsAtPixel(m_bars.lengthsNs.size(), help->pos().x() - area.left(), area.width());
  if (at.first == at.last) {
    QToolTip::hideText();
    return true;
  }
  QStringList lines;
  for (size_t s = at.first; s < std::min(at.last, at.first + 8); ++s) lines << describe(s);
  QToolTip::showText(help->globalPos(), lines.join(QLatin1Char('\n')), this);
  return true;
}

}  // namespace caracal::ui
