#include "app/ui/plan/memory_chart.h"

#include <QPainter>
#include <algorithm>
#include <array>

#include "app/ui/qt_text.h"
#include "core/base/format.h"

namespace caracal::ui {
namespace {

constexpr int kTop = 16;
constexpr int kNameGap = 14;
constexpr std::array<Paint, 6> kStagePaints{Paint::kForward,   Paint::kBackward, Paint::kComm,
                                            Paint::kRecompute, Paint::kCompute,  Paint::kOverhead};
constexpr std::array<Qt::PenStyle, 3> kStagePens{Qt::SolidLine, Qt::DashLine, Qt::DotLine};

struct Scale {
  QRect area;
  int64_t stepNs = 1;
  int64_t top = 1;
  int x(int64_t timeNs) const {
    return area.left() + static_cast<int>(static_cast<double>(timeNs) /
                                          static_cast<double>(stepNs) * area.width());
  }
  int y(int64_t count) const {
    return area.bottom() -
           static_cast<int>(static_cast<double>(count) / static_cast<double>(top) * area.height());
  }
};

void paintStage(QPainter& painter, const Scale& scale, const sim::StageResult& stage) {
  if (stage.memory.empty()) return;
  QPolygon line;
  int lastY = scale.y(stage.memory.front().bytes);
  line << QPoint(scale.area.left(), lastY);
  for (const sim::MemorySample& sample : stage.memory) {
    line << QPoint(scale.x(sample.timeNs), lastY);
    lastY = scale.y(sample.bytes);
    line << QPoint(scale.x(sample.timeNs), lastY);
  }
  line << QPoint(scale.area.right(), lastY);
  painter.drawPolyline(line);
}

// What the curves are called: the longest of these forms that fits beside the budget's words.
QStringList curveNames(const std::vector<sim::StageResult>& stages, const QFontMetrics& metrics,
                       int width) {
  QStringList names;
  for (const QString& form : {MemoryChart::tr("stage %1: %2"), QStringLiteral("%1: %2"),
                              MemoryChart::tr("stage %1"), QStringLiteral("%1")}) {
    names.clear();
    int needed = 0;
    for (const sim::StageResult& stage : stages) {
      QString name = form.arg(stage.stage);
      if (form.contains(QLatin1String("%2"))) name = name.arg(toQt(formatBytes(stage.peakBytes)));
      needed += metrics.horizontalAdvance(name) + kNameGap;
      names << name;
    }
    if (needed <= width) break;
  }
  return names;
}

}  // namespace

MemoryChart::MemoryChart(QWidget* parent) : QWidget(parent) {
  setAccessibleName(tr("Memory over the step"));
}

void MemoryChart::set(std::shared_ptr<const Evaluation> evaluation) {
  m_evaluation = std::move(evaluation);
  update();
}

void MemoryChart::setTheme(ThemeKind kind) {
  m_theme = kind;
  update();
}

void MemoryChart::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  const Theme& colours = theme(m_theme);
  painter.fillRect(rect(), colours.background);
  if (!m_evaluation || !m_evaluation->result || m_evaluation->result->stages.empty()) return;
  const sim::SimResult& result = *m_evaluation->result;
  int64_t top = 1;
  int64_t budget = 0;
  for (const sim::StageResult& stage : result.stages) {
    top = std::max(top, stage.peakBytes);
    budget = std::max(budget, stage.budgetBytes);
  }
  // A budget far above everything would flatten the curves; then only its words are shown.
  const bool budgetInSight = budget > 0 && budget < 3 * top;
  if (budgetInSight) top = std::max(top, budget);
  Scale scale{rect().adjusted(4, kTop, -4, -4), std::max<int64_t>(1, result.stepNs),
              top + top / 20};
  painter.setPen(colours.grid);
  painter.drawRect(scale.area);
  if (budgetInSight) {
    painter.setPen(QPen(colours.error, 1, Qt::DashLine));
    painter.drawLine(scale.area.left(), scale.y(budget), scale.area.right(), scale.y(budget));
  }
  const QFontMetrics metrics = painter.fontMetrics();
  int right = scale.area.right();
  if (budget > 0) {
    const QString words = tr("budget %1").arg(toQt(formatBytes(budget)));
    right -= metrics.horizontalAdvance(words);
    painter.setPen(colours.error);
    painter.drawText(right, kTop - 4, words);
  }
  int x = scale.area.left();
  const QStringList names = curveNames(result.stages, metrics, right - x);
  auto name = names.begin();
  for (const sim::StageResult& stage : result.stages) {
    const auto index = static_cast<size_t>(stage.stage);
    const QColor colour = colours.of(kStagePaints[index % kStagePaints.size()]);
    painter.setPen(
        QPen(colour, 1.5, kStagePens[(index / kStagePaints.size()) % kStagePens.size()]));
    paintStage(painter, scale, stage);
    painter.drawText(x, kTop - 4, *name);
    x += metrics.horizontalAdvance(*name++) + kNameGap;
  }
}

}  // namespace caracal::ui
