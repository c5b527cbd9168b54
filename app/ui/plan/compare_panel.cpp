#include "app/ui/plan/compare_panel.h"

#include <QLabel>
#include <QSplitter>
#include <QVBoxLayout>

#include "app/ui/panels/figure_table.h"
#include "app/ui/plan/plan_tables.h"
#include "core/base/format.h"

namespace caracal::ui {
namespace {

QWidget* captioned(QLabel* caption, FigureTableView* table, QWidget* parent) {
  auto* box = new QWidget(parent);
  caption->setWordWrap(true);
  caption->setContentsMargins(6, 4, 6, 2);
  auto* layout = new QVBoxLayout(box);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  layout->addWidget(caption);
  layout->addWidget(table, 1);
  return box;
}

}  // namespace

ComparePanel::ComparePanel(Workspace& workspace, PlanSession& session, QWidget* parent)
    : QWidget(parent),
      m_workspace(workspace),
      m_session(session),
      m_cautions(new QLabel(this)),
      m_runs(new FigureTableView(this)),
      m_trialCaption(new QLabel(this)),
      m_trials(new FigureTableView(this)) {
  auto* splitter = new QSplitter(Qt::Horizontal, this);
  splitter->setChildrenCollapsible(false);
  splitter->addWidget(captioned(m_cautions, m_runs, splitter));
  splitter->addWidget(captioned(m_trialCaption, m_trials, splitter));
  splitter->setStretchFactor(0, 3);
  splitter->setStretchFactor(1, 2);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(splitter);
  connect(&workspace, &Workspace::runsChanged, this, &ComparePanel::refreshRuns);
  connect(&session, &PlanSession::evaluated, this, &ComparePanel::refreshRuns);
  connect(&session, &PlanSession::profileChanged, this, &ComparePanel::refreshRuns);
  connect(&session, &PlanSession::trialsReady, this, &ComparePanel::refreshTrials);
  connect(&session, &PlanSession::profileChanged, this, &ComparePanel::refreshTrials);
  refreshRuns();
  refreshTrials();
}

void ComparePanel::setTheme(ThemeKind kind) {
  m_theme = kind;
  refreshRuns();
  refreshTrials();
}

void ComparePanel::refreshRuns() {
  std::vector<analysis::RunSummary> runs;
  for (const RunPtr& run : m_workspace.runs()) {
    if (run->model) runs.push_back(run->summary);
  }
  const auto& evaluation = m_session.evaluation();
  if (m_session.ready() && evaluation && evaluation->result) {
    runs.push_back(summaryOf(*evaluation->result, m_session.plan(), m_session.profile()->hardware));
    runs.back().name =
        tr("predicted: %1").arg(QString::fromStdString(runs.back().name)).toStdString();
  }
  QStringList words;
  for (size_t r = 1; r < runs.size(); ++r) {
    for (const std::string& caution : analysis::cautions(runs.front(), runs[r])) {
      const QString text = QString::fromStdString(caution);
      if (!words.contains(text)) words << text;
    }
  }
  m_runs->set(runs.empty() ? FigureTable{} : comparisonTable(runs, theme(m_theme)));
  if (runs.empty())
    words = {
        tr("Open an annotated run or make a plan to compare steps; changes are against the first "
           "run.")};
  m_cautions->setText(words.isEmpty() ? tr("Per step; changes are against the first run.")
                                      : words.join(QLatin1Char('\n')));
}

void ComparePanel::refreshTrials() {
  const auto& trials = m_session.trials();
  m_trials->set(trials.empty() ? FigureTable{} : trialTable(trials, theme(m_theme)));
  if (trials.empty())
    return m_trialCaption->setText(tr("\"Compare policies\" in the plan panel fills this table."));
  const int64_t budget = m_session.budgetBytes();
  m_trialCaption->setText(
      tr("Policies under %1, same partition, simulated")
          .arg(budget > 0 ? QString::fromStdString(formatBytes(budget)) : tr("no limit")));
}

}  // namespace caracal::ui
