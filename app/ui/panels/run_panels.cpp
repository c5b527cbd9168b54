#include "app/ui/panels/run_panels.h"

#include <QLabel>
#include <QVBoxLayout>
#include <algorithm>

#include "app/ui/panels/run_tables.h"
#include "app/ui/qt_text.h"
#include "app/ui/theme/tag_style.h"
#include "core/base/format.h"

namespace caracal::ui {
namespace {

QLabel* addCaption(QWidget* panel, FigureTableView* table) {
  auto* caption = new QLabel(panel);
  caption->setContentsMargins(6, 4, 6, 2);
  caption->setWordWrap(true);
  caption->setAlignment(Qt::AlignLeft | Qt::AlignTop);
  caption->setTextInteractionFlags(Qt::TextSelectableByMouse);
  auto* layout = new QVBoxLayout(panel);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  layout->addWidget(caption);
  layout->addWidget(table, 1);
  return caption;
}

QString runCaption(const LoadedRun& run) {
  return QStringLiteral("%1 \u2014 %2")
      .arg(QString::fromStdString(run.name), tagText(run.trace->tag()));
}

}  // namespace

DetailsPanel::DetailsPanel(TimelineController& timeline, QWidget* parent)
    : QWidget(parent),
      m_timeline(timeline),
      m_table(new FigureTableView(this)),
      m_hint(addCaption(this, m_table)) {
  m_table->setWordWrap(true);
  connect(&timeline, &TimelineController::selectionChanged, this, &DetailsPanel::refresh);
  refresh();
}

void DetailsPanel::refresh() {
  const bool any = m_timeline.selected().valid();
  m_hint->setVisible(!any);
  m_hint->setText(tr("Click a block to see everything known about it."));
  m_table->setVisible(any);
  if (any) m_table->set(detailsTable(describeBlock(m_timeline.scene(), m_timeline.selected())));
}

FiguresPanel::FiguresPanel(JobBoard& jobs, Workspace& workspace, TimelineController& timeline,
                           QWidget* parent)
    : QWidget(parent),
      m_workspace(workspace),
      m_timeline(timeline),
      m_slot(jobs),
      m_table(new FigureTableView(this)),
      m_caption(addCaption(this, m_table)) {
  connect(&timeline, &TimelineController::selectionChanged, this, &FiguresPanel::refresh);
  connect(&workspace, &Workspace::runsChanged, this, &FiguresPanel::refresh);
  refresh();
}

void FiguresPanel::refresh() {
  const RunPtr run = m_workspace.currentRun();
  if (!run) {
    m_slot.cancel();
    m_table->set({});
    return m_caption->setText(tr("Open a run to see busy, communication and idle time."));
  }
  const auto& runs = m_workspace.runs();
  const auto index = static_cast<size_t>(std::find(runs.begin(), runs.end(), run) - runs.begin());
  std::optional<Span> range = m_timeline.range();
  QString caption = runCaption(*run);
  if (range) {
    caption += tr(" \u2014 selected range, %1")
                   .arg(QString::fromStdString(formatDuration(range->lengthNs())));
    const int64_t shift = m_workspace.shiftOf(index);
    range = Span{range->beginNs - shift, range->endNs - shift};
  } else {
    caption += tr(" \u2014 whole trace; drag over the timeline for a range");
  }
  m_caption->setText(caption);
  using Figures = std::vector<analysis::DeviceFigures>;
  m_slot.start<Figures>(
      tr("Device figures"),
      [run, range](std::stop_token stop, const Progress&) -> Result<Figures> {
        auto figures = analysis::deviceFigures(*run->trace, analysis::CommNames{}, range, stop);
        if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "stopped");
        return figures;
      },
      [this](const Result<Figures>& figures) {
        if (figures) return m_table->set(deviceTable(*figures));
        m_table->set({});
        m_caption->setText(tr("The figures were stopped; select a range or a block to make them."));
      });
}

StagesPanel::StagesPanel(Workspace& workspace, QWidget* parent)
    : QWidget(parent),
      m_workspace(workspace),
      m_table(new FigureTableView(this)),
      m_caption(addCaption(this, m_table)) {
  connect(&workspace, &Workspace::runsChanged, this, &StagesPanel::refresh);
  refresh();
}

void StagesPanel::setTheme(ThemeKind kind) {
  m_theme = kind;
  refresh();
}

void StagesPanel::refresh() {
  const RunPtr run = m_workspace.currentRun();
  m_table->set(run ? stageTable(*run, theme(m_theme)) : FigureTable{});
  if (!run) return m_caption->setText(tr("Open a run to see its stages."));
  if (!run->model) {
    return m_caption->setText(tr("%1: no pipeline view. %2")
                                  .arg(runCaption(*run), QString::fromStdString(run->whyNoModel)));
  }
  const analysis::StepModel& model = *run->model;
  if (model.stageCount == 1) {
    return m_caption->setText(
        tr("%1 \u2014 one stage: no pipeline, and no schedule of stages; figures are per step")
            .arg(runCaption(*run)));
  }
  m_caption->setText(tr("%1 \u2014 schedule %2, %3 stages; figures are per step and stage")
                         .arg(runCaption(*run), toQt(model.schedule))
                         .arg(model.stageCount));
}

QualityPanel::QualityPanel(Workspace& workspace, QWidget* parent)
    : QWidget(parent),
      m_workspace(workspace),
      m_table(new FigureTableView(this)),
      m_caption(addCaption(this, m_table)) {
  connect(&workspace, &Workspace::runsChanged, this, &QualityPanel::refresh);
  refresh();
}

void QualityPanel::setTheme(ThemeKind kind) {
  m_theme = kind;
  refresh();
}

void QualityPanel::refresh() {
  const RunPtr run = m_workspace.currentRun();
  m_table->set(run ? qualityTable(*run, theme(m_theme)) : FigureTable{});
  if (!run) return m_caption->setText(tr("Open a run to see what its import repaired or dropped."));
  const trace::Trace& trace = *run->trace;
  m_caption->setText(
      tr("%1 \u2014 %L2 events, format %3, loaded in %4 s, %5 in memory")
          .arg(runCaption(*run))
          .arg(static_cast<qlonglong>(trace.eventCount()))
          .arg(QString::fromStdString(trace.format()))
          .arg(run->seconds, 0, 'f', 2)
          .arg(QString::fromStdString(formatBytes(static_cast<int64_t>(trace.memoryBytes())))));
}

}  // namespace caracal::ui
