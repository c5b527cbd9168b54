#include "app/ui/measure/pass_chart.h"

#include <QHelpEvent>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QToolTip>
#include <algorithm>
#include <set>

#include "app/ui/measure/measured_tables.h"
#include "app/ui/qt_text.h"
#include "app/ui/theme/tag_style.h"
#include "app/ui/timeline/event_blocks.h"
#include "core/base/format.h"

namespace caracal::ui {
namespace {

constexpr int kMargin = 8;
constexpr int kHeader = 20;
constexpr int kCaption = 76;        // words left of the rows
constexpr int kMostRow = 26;        // pixels of one row
constexpr double kStageGap = 0.35;  // of a row, between stages

QString durationText(int64_t ns) {
  return toQt(formatDuration(ns));
}

QString letterOf(trace::Pass pass) {
  const std::string_view name = trace::name(pass);
  return toQt(name);
}

}  // namespace

QString passWords(const analysis::PassDifference& pass) {
  const QString words = PassChart::tr("%1%2 of stage %3")
                            .arg(letterOf(pass.pass))
                            .arg(pass.microBatch)
                            .arg(pass.stage);
  return pass.chunk > 0 ? PassChart::tr("%1, chunk %2").arg(words).arg(pass.chunk) : words;
}

FigureTable passTable(const ComparedPasses& passes, const Theme& theme) {
  FigureTable table;
  table.header = {PassChart::tr("Pass"),
                  PassChart::tr("Begins, %1").arg(tagText(passes.predictedTag)),
                  tagText(passes.measuredTag),
                  PassChart::tr("Later by"),
                  PassChart::tr("Takes, %1").arg(tagText(passes.predictedTag)),
                  tagText(passes.measuredTag),
                  PassChart::tr("Error")};
  for (const analysis::PassDifference& pass : passes.passes) {
    const int64_t laterNs = pass.measured.beginNs - pass.predicted.beginNs;
    Cell later = number(laterNs < 0 ? QStringLiteral("\u2212%1").arg(durationText(-laterNs))
                                    : durationText(laterNs));
    table.rows.push_back({word(passWords(pass)), duration(pass.predicted.beginNs),
                          duration(pass.measured.beginNs), later,
                          duration(pass.predicted.durationNs), duration(pass.measured.durationNs),
                          errorCell(pass.predicted.durationNs, pass.measured.durationNs, theme)});
  }
  return table;
}

// Where rows and times lie on the screen.
struct PassChart::Layout {
  std::vector<int32_t> stages;
  QRectF area;
  double row = 0;  // height
  double nsPerPixel = 1;

  double stageTop(size_t stage) const {
    return area.top() + static_cast<double>(stage) * row * (2 + kStageGap);
  }
  QRectF boxOf(size_t stage, bool measured, const analysis::TypicalPass& pass) const {
    return {area.left() + static_cast<double>(pass.beginNs) / nsPerPixel,
            stageTop(stage) + (measured ? row : 0),
            std::max(1.0, static_cast<double>(pass.durationNs) / nsPerPixel), row - 1};
  }
};

PassChart::PassChart(QWidget* parent) : QWidget(parent) {
  setFocusPolicy(Qt::StrongFocus);
  setAccessibleName(tr("Passes, predicted above measured"));
}

void PassChart::set(ComparedPasses passes) {
  m_passes = std::move(passes);
  m_chosen = -1;
  update();
}

void PassChart::setTheme(ThemeKind kind) {
  m_theme = kind;
  update();
}

void PassChart::choose(int pass) {
  pass = pass >= 0 && pass < static_cast<int>(m_passes.passes.size()) ? pass : -1;
  if (pass == m_chosen) return;
  m_chosen = pass;
  if (pass >= 0) {
    const analysis::PassDifference& of = m_passes.passes[static_cast<size_t>(pass)];
    setAccessibleDescription(tr("%1: predicted %2, measured %3")
                                 .arg(passWords(of), durationText(of.predicted.durationNs),
                                      durationText(of.measured.durationNs)));
  }
  update();
  emit chosen(pass);
}

PassChart::Layout PassChart::layOut() const {
  Layout layout;
  std::set<int32_t> stages;
  int64_t endNs = 1;
  for (const analysis::PassDifference& pass : m_passes.passes) {
    stages.insert(pass.stage);
    for (const analysis::TypicalPass& side : {pass.predicted, pass.measured})
      endNs = std::max(endNs, side.beginNs + side.durationNs);
  }
  layout.stages.assign(stages.begin(), stages.end());
  layout.area = QRectF(kCaption, kHeader, std::max(1, width() - kCaption - kMargin),
                       std::max(1, height() - kHeader - kMargin));
  const double rows = static_cast<double>(std::max<size_t>(1, stages.size())) * (2 + kStageGap);
  layout.row = std::min<double>(kMostRow, layout.area.height() / rows);
  layout.nsPerPixel = static_cast<double>(endNs) / layout.area.width();
  return layout;
}

void PassChart::paintPass(QPainter& painter, const QRectF& box, size_t pass) const {
  const Theme& colours = theme(m_theme);
  const analysis::PassDifference& of = m_passes.passes[pass];
  const QColor fill = colours.of(passStyle(of.pass, of.microBatch).paint);
  painter.fillRect(box, fill);
  painter.setPen(colours.background);
  if (box.width() > 3) painter.drawLine(box.topRight(), box.bottomRight());
  const QString words = letterOf(of.pass) + QString::number(of.microBatch);
  const QFontMetrics metrics = painter.fontMetrics();
  if (box.width() > metrics.horizontalAdvance(words) + 2 && box.height() >= metrics.height() - 3) {
    painter.setPen(textOn(fill));
    painter.drawText(box, Qt::AlignCenter, words);
  }
  if (static_cast<int>(pass) != m_chosen) return;
  painter.setPen(QPen(colours.accent, 2));
  painter.drawRect(box.adjusted(0, 0, -1, -1));
}

void PassChart::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  const Theme& colours = theme(m_theme);
  painter.fillRect(rect(), colours.background);
  const Layout layout = layOut();
  const QFontMetrics metrics = painter.fontMetrics();
  painter.setPen(colours.mutedText);
  if (m_passes.passes.empty())
    return painter.drawText(
        rect(), Qt::AlignCenter,
        tr("After a measurement its passes are here, predicted above measured."));
  painter.drawText(
      QRect(kMargin, 0, width() - 2 * kMargin, kHeader), Qt::AlignVCenter,
      tr("medians over %1; above %2, below %3")
          .arg(durationText(static_cast<int64_t>(layout.nsPerPixel * layout.area.width())),
               tagText(m_passes.predictedTag), tagText(m_passes.measuredTag)));
  for (size_t s = 0; s < layout.stages.size(); ++s) {
    const QRectF caption(kMargin, layout.stageTop(s), kCaption - kMargin - 4, 2 * layout.row);
    painter.setPen(colours.text);
    painter.drawText(caption, Qt::AlignVCenter | Qt::AlignLeft,
                     tr("stage %1").arg(layout.stages[s]));
    if (layout.row < metrics.height() - 3) continue;
    for (const bool measured : {false, true}) {
      const QRectF half(caption.left(), caption.top() + (measured ? layout.row : 0),
                        caption.width(), layout.row);
      painter.setPen(colours.mutedText);
      painter.drawText(half, Qt::AlignVCenter | Qt::AlignRight,
                       tagGlyph(measured ? m_passes.measuredTag : m_passes.predictedTag));
    }
  }
  for (size_t p = 0; p < m_passes.passes.size(); ++p) {
    const analysis::PassDifference& pass = m_passes.passes[p];
    const auto stage = static_cast<size_t>(
        std::lower_bound(layout.stages.begin(), layout.stages.end(), pass.stage) -
        layout.stages.begin());
    paintPass(painter, layout.boxOf(stage, false, pass.predicted), p);
    paintPass(painter, layout.boxOf(stage, true, pass.measured), p);
  }
}

int PassChart::passAt(QPoint place) const {
  const Layout layout = layOut();
  for (size_t p = 0; p < m_passes.passes.size(); ++p) {
    const analysis::PassDifference& pass = m_passes.passes[p];
    const auto stage = static_cast<size_t>(
        std::lower_bound(layout.stages.begin(), layout.stages.end(), pass.stage) -
        layout.stages.begin());
    if (layout.boxOf(stage, false, pass.predicted).contains(place) ||
        layout.boxOf(stage, true, pass.measured).contains(place))
      return static_cast<int>(p);
  }
  return -1;
}

void PassChart::mousePressEvent(QMouseEvent* event) {
  choose(passAt(event->pos()));
}

void PassChart::keyPressEvent(QKeyEvent* event) {
  const int count = static_cast<int>(m_passes.passes.size());
  if (count > 0 && event->key() == Qt::Key_Right) return choose(std::min(count - 1, m_chosen + 1));
  if (count > 0 && event->key() == Qt::Key_Left) return choose(std::max(0, m_chosen - 1));
  if (event->key() == Qt::Key_Escape && m_chosen >= 0) return choose(-1);
  QWidget::keyPressEvent(event);
}

bool PassChart::event(QEvent* event) {
  if (event->type() != QEvent::ToolTip) return QWidget::event(event);
  const auto* help = static_cast<QHelpEvent*>(event);
  const int at = passAt(help->pos());
  if (at < 0) {
    QToolTip::hideText();
    return true;
  }
  const analysis::PassDifference& pass = m_passes.passes[static_cast<size_t>(at)];
  QToolTip::showText(
      help->globalPos(),
      tr("%1\npredicted: %2 from %3 on\nmeasured: %4 from %5 on\nerror %6")
          .arg(passWords(pass), durationText(pass.predicted.durationNs),
               durationText(pass.predicted.beginNs), durationText(pass.measured.durationNs),
               durationText(pass.measured.beginNs),
               errorText(pass.predicted.durationNs, pass.measured.durationNs)),
      this);
  return true;
}

}  // namespace caracal::ui
