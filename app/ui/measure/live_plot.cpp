#include "app/ui/measure/live_plot.h"

#include <QHelpEvent>
#include <QPainter>
#include <QToolTip>
#include <algorithm>
#include <array>
#include <functional>

#include "app/ui/qt_text.h"
#include "app/ui/theme/tag_style.h"
#include "core/base/format.h"

namespace caracal::ui {
namespace {

constexpr int kPanes = 3;
constexpr int kGap = 10;
constexpr int kTitle = 36;  // two lines of words above each pane
constexpr double kHeadroom = 0.08;
constexpr int kDotRoom = 6;       // pixels a step needs to get a dot
constexpr size_t kMostLines = 6;  // ranks drawn one by one; of more, the fullest and the emptiest
constexpr std::array<Paint, kMostLines> kLinePaints{Paint::kForward, Paint::kBackward,
                                                    Paint::kComm,    Paint::kRecompute,
                                                    Paint::kHostOp,  Paint::kOverhead};

QString durationText(double ns) {
  return toQt(formatDuration(static_cast<int64_t>(ns)));
}
QString bytesText(double bytes) {
  return toQt(formatBytes(static_cast<int64_t>(bytes)));
}
QString lossText(double loss) {
  return QString::number(loss, 'f', 3);
}

constexpr std::array<Qt::PenStyle, 3> kLinePens{Qt::SolidLine, Qt::DashLine, Qt::DotLine};

}  // namespace

// One chart: lines over steps, and what was expected of them.
struct LivePlot::Pane {
  QString title;
  size_t lines = 1;
  std::function<double(const runs::RunStep&, size_t line)> value;
  std::function<QString(double)> text;
  double expected = 0;  // 0: nothing
  double limit = 0;     // 0: none
  bool fromZero = true;
};

LivePlot::LivePlot(QWidget* parent) : QWidget(parent) {
  setAccessibleName(tr("Step times, loss and memory of the run"));
}

void LivePlot::begin(const ExpectedRun& expected) {
  m_expected = expected;
  m_steps.clear();
  update();
}

void LivePlot::add(const runs::RunStep& step) {
  m_steps.push_back(step);
  setAccessibleDescription(tr("step %1: %2, loss %3, largest peak %4")
                               .arg(step.step + 1)
                               .arg(durationText(static_cast<double>(step.stepNs)),
                                    lossText(step.loss),
                                    bytesText(static_cast<double>(step.peakBytes))));
  update();
}

void LivePlot::setTag(trace::Tag tag) {
  m_tag = tag;
  update();
}

void LivePlot::setTheme(ThemeKind kind) {
  m_theme = kind;
  update();
}

std::vector<LivePlot::Pane> LivePlot::panes() const {
  const size_t ranks =
      m_steps.empty() ? 1 : std::max<size_t>(1, m_steps.front().rankPeakBytes.size());
  Pane time{tr("Step time"), 1,
            [](const runs::RunStep& s, size_t) { return static_cast<double>(s.stepNs); },
            durationText, static_cast<double>(m_expected.predictedStepNs)};
  Pane loss{tr("Loss (nats per byte)"), 1, [](const runs::RunStep& s, size_t) { return s.loss; },
            lossText};
  loss.fromZero = false;
  Pane memory{tr("Peak memory of each rank"),
              ranks > kMostLines ? 2 : ranks,
              [ranks](const runs::RunStep& s, size_t line) {
                const auto& peaks = s.rankPeakBytes;
                if (peaks.empty()) return static_cast<double>(s.peakBytes);
                if (ranks <= kMostLines)
                  return static_cast<double>(line < peaks.size() ? peaks[line] : 0);
                const auto [least, most] = std::minmax_element(peaks.begin(), peaks.end());
                return static_cast<double>(line == 0 ? *most : *least);
              },
              bytesText,
              static_cast<double>(m_expected.predictedPeakBytes),
              static_cast<double>(m_expected.budgetBytes)};
  return {time, loss, memory};
}

QRect LivePlot::areaOf(int pane) const {
  const int wide = (width() - kGap * (kPanes + 1)) / kPanes;
  return {kGap + pane * (wide + kGap), kTitle, std::max(1, wide),
          std::max(1, height() - kTitle - 22)};
}

double LivePlot::shownSteps() const {
  return static_cast<double>(
      std::max<size_t>({m_steps.size(), static_cast<size_t>(std::max(0, m_expected.steps)), 2}));
}

// Where values and steps of a pane lie on the screen.
struct LivePlot::Scale {
  QRect area;
  double low = 0, high = 1;
  double steps = 2;
  bool limitInSight = false;
  double x(size_t step) const {
    return area.left() + (static_cast<double>(step) + 0.5) / steps * area.width();
  }
  double y(double value) const {
    return area.bottom() - (value - low) / (high - low) * area.height();
  }
};

LivePlot::Scale LivePlot::scaleOf(const Pane& pane, const QRect& area) const {
  Scale scale{area, pane.fromZero ? 0.0 : 1e300, pane.expected, shownSteps()};
  for (const runs::RunStep& step : m_steps) {
    for (size_t l = 0; l < pane.lines; ++l) {
      scale.low = std::min(scale.low, pane.value(step, l));
      scale.high = std::max(scale.high, pane.value(step, l));
    }
  }
  // A limit far above everything would flatten the curves; then only its words are shown.
  scale.limitInSight = pane.limit > 0 && pane.limit < 3 * scale.high;
  if (scale.limitInSight) scale.high = std::max(scale.high, pane.limit);
  if (scale.low > scale.high) scale.low = 0;
  const double room = std::max((scale.high - scale.low) * kHeadroom, 1e-9);
  scale.high += room;
  if (!pane.fromZero) scale.low -= room;
  return scale;
}

void LivePlot::paintLines(QPainter& painter, const Pane& pane, const Scale& scale) const {
  const Theme& colours = theme(m_theme);
  painter.setRenderHint(QPainter::Antialiasing);
  // At most a few points a pixel: of the steps in a column the extremes are drawn.
  const auto perColumn =
      std::max<size_t>(1, static_cast<size_t>(scale.steps / std::max(1, scale.area.width())));
  const bool dots = perColumn == 1 && scale.steps * kDotRoom < scale.area.width();
  for (size_t l = 0; l < pane.lines; ++l) {
    const QColor colour = colours.of(kLinePaints[l % kMostLines]);
    QPolygonF line;
    for (size_t s = 0; s < m_steps.size(); s += perColumn) {
      double least = pane.value(m_steps[s], l), most = least;
      for (size_t i = s; i < std::min(m_steps.size(), s + perColumn); ++i) {
        least = std::min(least, pane.value(m_steps[i], l));
        most = std::max(most, pane.value(m_steps[i], l));
      }
      line << QPointF(scale.x(s), scale.y(most));
      if (least < most) line << QPointF(scale.x(s), scale.y(least));
    }
    painter.setPen(QPen(colour, 1.6, kLinePens[l % kLinePens.size()]));
    painter.drawPolyline(line);
    if (!dots) continue;
    painter.setPen(colour);
    painter.setBrush(colour);
    for (const QPointF& point : line) painter.drawEllipse(point, 2.2, 2.2);
    painter.setBrush(Qt::NoBrush);
  }
  painter.setRenderHint(QPainter::Antialiasing, false);
}

void LivePlot::paintWords(QPainter& painter, const Pane& pane, const Scale& scale) const {
  const Theme& colours = theme(m_theme);
  const QFontMetrics metrics = painter.fontMetrics();
  const QRect& area = scale.area;
  QString words = pane.title;
  if (!m_steps.empty()) {
    double last = pane.value(m_steps.back(), 0);
    for (size_t l = 1; l < pane.lines; ++l) last = std::max(last, pane.value(m_steps.back(), l));
    words = tr("%1: %2 %3").arg(pane.title, pane.text(last), tagText(m_tag));
  }
  const auto above = [&](int line, const QString& text) {
    painter.drawText(area.left(), metrics.ascent() + line * metrics.height() + 2,
                     metrics.elidedText(text, Qt::ElideRight, area.width()));
  };
  painter.setPen(colours.text);
  above(0, words);
  QStringList expected;
  if (pane.expected > 0)
    expected << tr("%1 %2").arg(pane.text(pane.expected), tagText(trace::Tag::kSimulated));
  if (pane.limit > 0) expected << tr("budget %1").arg(pane.text(pane.limit));
  painter.setPen(colours.mutedText);
  above(1, expected.join(QStringLiteral(", ")));
  if (m_steps.empty()) return;
  painter.drawText(area.adjusted(3, 1, 0, 0), Qt::AlignLeft | Qt::AlignTop, pane.text(scale.high));
  painter.drawText(area.adjusted(3, 0, 0, -1), Qt::AlignLeft | Qt::AlignBottom,
                   pane.text(scale.low));
}

void LivePlot::paintPane(QPainter& painter, const Pane& pane, const QRect& area) const {
  const Theme& colours = theme(m_theme);
  const Scale scale = scaleOf(pane, area);
  painter.setPen(colours.grid);
  painter.drawRect(area);
  const auto level = [&](double value, const QColor& colour) {
    painter.setPen(QPen(colour, 1, Qt::DashLine));
    painter.drawLine(QPointF(area.left(), scale.y(value)), QPointF(area.right(), scale.y(value)));
  };
  if (scale.limitInSight) level(pane.limit, colours.error);
  if (pane.expected > 0) level(pane.expected, tagColour(trace::Tag::kSimulated, colours));
  paintLines(painter, pane, scale);
  paintWords(painter, pane, scale);
}

void LivePlot::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  const Theme& colours = theme(m_theme);
  painter.fillRect(rect(), colours.background);
  const std::vector<Pane> all = panes();
  for (int p = 0; p < kPanes; ++p) paintPane(painter, all[static_cast<size_t>(p)], areaOf(p));
  painter.setPen(colours.mutedText);
  const QString words =
      m_steps.empty()
          ? tr("Steps appear here as they finish.")
          : tr("step %1 of %2")
                .arg(m_steps.size())
                .arg(std::max<size_t>(m_steps.size(),
                                      static_cast<size_t>(std::max(0, m_expected.steps))));
  painter.drawText(rect().adjusted(kGap, 0, -kGap, -3), Qt::AlignLeft | Qt::AlignBottom, words);
}

int LivePlot::stepAt(const QRect& area, int x) const {
  if (x < area.left() || x > area.right()) return -1;
  const auto step = static_cast<size_t>(shownSteps() * (x - area.left()) / area.width());
  return step < m_steps.size() ? static_cast<int>(step) : -1;
}

bool LivePlot::event(QEvent* event) {
  if (event->type() != QEvent::ToolTip) return QWidget::event(event);
  const auto* help = static_cast<QHelpEvent*>(event);
  const std::vector<Pane> all = panes();
  for (int p = 0; p < kPanes; ++p) {
    const int at = stepAt(areaOf(p), help->pos().x());
    if (at < 0) continue;
    const runs::RunStep& step = m_steps[static_cast<size_t>(at)];
    const Pane& pane = all[static_cast<size_t>(p)];
    QStringList values;
    for (size_t l = 0; l < pane.lines; ++l) values << pane.text(pane.value(step, l));
    QToolTip::showText(help->globalPos(),
                       tr("step %1: %2").arg(step.step + 1).arg(values.join(QStringLiteral(", "))),
                       this);
    return true;
  }
  QToolTip::hideText();
  return true;
}

}  // namespace caracal::ui
