#include "app/ui/plan/plan_panel.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QScrollArea>
#include <QScrollBar>
#include <QSplitter>
#include <QTableView>
#include <QVBoxLayout>

#include "app/ui/panels/figure_table.h"
#include "app/ui/panels/padded_cells.h"
#include "app/ui/plan/memory_chart.h"
#include "app/ui/plan/operator_table_model.h"
#include "app/ui/plan/partition_bar.h"
#include "app/ui/plan/placement_delegate.h"
#include "app/ui/plan/plan_controls.h"
#include "app/ui/plan/plan_edits.h"
#include "app/ui/plan/plan_tables.h"
#include "app/ui/qt_text.h"
#include "app/ui/theme/tag_style.h"
#include "core/base/format.h"
#include "core/plan/schedule.h"

namespace caracal::ui {
namespace {

// Where the schedule gives stages several chunks of the model: the stages of each chunk. Else
// empty.
QStringList chunkWords(const plan::Plan& plan) {
  const auto schedule =
      plan::makeSchedule(plan.schedule, plan.parallel.pipeline, plan.parallel.microBatches);
  if (!schedule || schedule->name.chunksPerDevice == 1) return {};
  std::vector<QStringList> stagesOf(plan.stages.size());
  for (size_t stage = 0; stage < schedule->chunksOf.size(); ++stage) {
    for (const int32_t chunk : schedule->chunksOf[stage])
      stagesOf[static_cast<size_t>(chunk)] << QString::number(stage);
  }
  QStringList words;
  for (const QStringList& stages : stagesOf)
    words << PlanPanel::tr("on stage %1").arg(stages.join(PlanPanel::tr(" and ")));
  return words;
}

}  // namespace

PlanPanel::PlanPanel(PlanSession& session, QWidget* parent) : QWidget(parent), m_session(session) {
  auto* splitter = new QSplitter(Qt::Horizontal, this);
  splitter->setChildrenCollapsible(false);
  m_controls = new PlanControls(m_session, splitter);
  // A window may be lower than all controls.
  auto* controls = new QScrollArea(splitter);
  controls->setWidgetResizable(true);
  controls->setFrameShape(QFrame::NoFrame);
  controls->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  controls->setWidget(m_controls);
  controls->setMinimumWidth(m_controls->minimumSizeHint().width() +
                            controls->verticalScrollBar()->sizeHint().width());
  splitter->addWidget(controls);
  splitter->addWidget(makeOperators());
  splitter->addWidget(makeResult());
  splitter->setStretchFactor(0, 0);
  splitter->setStretchFactor(1, 2);
  splitter->setStretchFactor(2, 3);
  splitter->setSizes({240, 620, 740});
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(splitter);
  connectSession();
  showProfile();
}

QWidget* PlanPanel::makeOperators() {
  auto* box = new QWidget(this);
  m_partition = new PartitionBar(box);
  m_stage = new QComboBox(box);
  m_layer = new QComboBox(box);
  m_operators = new OperatorTableModel(m_session, box);
  auto* table = new QTableView(box);
  table->setModel(m_operators);
  table->setHorizontalHeader(new PaddedHeader(table));
  table->setItemDelegateForColumn(OperatorTableModel::kPlacement, new PlacementDelegate(table));
  table->setEditTriggers(QAbstractItemView::DoubleClicked | QAbstractItemView::SelectedClicked |
                         QAbstractItemView::EditKeyPressed | QAbstractItemView::AnyKeyPressed);
  table->setFrameShape(QFrame::NoFrame);
  table->setShowGrid(false);
  table->setAlternatingRowColors(true);
  table->verticalHeader()->hide();
  table->verticalHeader()->setDefaultSectionSize(fontMetrics().height() + 8);
  // What is edited stands beside the name, in sight without scrolling.
  table->horizontalHeader()->moveSection(OperatorTableModel::kPlacement, 1);
  table->horizontalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
  auto* choose = new QHBoxLayout;
  choose->addWidget(new QLabel(tr("Layer of"), box));
  choose->addWidget(m_stage);
  choose->addWidget(m_layer);
  choose->addStretch();
  auto* layout = new QVBoxLayout(box);
  layout->addWidget(m_partition);
  layout->addLayout(choose);
  layout->addWidget(table, 1);
  const auto show = [this] {
    m_operators->show(m_stage->currentIndex(),
                      m_layer->currentIndex() <= 0 ? kEveryLayer : m_layer->currentIndex() - 1);
  };
  connect(m_stage, &QComboBox::currentIndexChanged, this, [this, show] {
    fillLayers();
    show();
  });
  connect(m_layer, &QComboBox::currentIndexChanged, this, show);
  connect(m_partition, &PartitionBar::partitionEdited, this,
          [this](const std::vector<int32_t>& layers) {
            m_session.edit(withPartition(*m_session.profile(), m_session.plan(), layers),
                           tr("move layers between stages"));
          });
  return box;
}

QWidget* PlanPanel::makeResult() {
  auto* box = new QWidget(this);
  m_words = new QLabel(box);
  QFont strong = m_words->font();
  strong.setBold(true);
  m_words->setFont(strong);
  m_words->setTextInteractionFlags(Qt::TextSelectableByMouse);
  m_search = new QLabel(box);
  m_search->setTextInteractionFlags(Qt::TextSelectableByMouse);
  m_problem = new QLabel(box);
  m_problem->setWordWrap(true);
  m_problem->setTextInteractionFlags(Qt::TextSelectableByMouse);
  m_prediction = new FigureTableView(box);
  m_memory = new MemoryChart(box);
  auto* layout = new QVBoxLayout(box);
  layout->addWidget(m_words);
  layout->addWidget(m_search);
  layout->addWidget(m_problem);
  layout->addWidget(m_prediction, 3);
  layout->addWidget(m_memory, 2);
  return box;
}

void PlanPanel::connectSession() {
  connect(m_controls, &PlanControls::measureRequested, this, &PlanPanel::measureRequested);
  connect(m_controls, &PlanControls::exportRequested, this, &PlanPanel::exportRequested);
  connect(m_controls, &PlanControls::compareRequested, this, &PlanPanel::compareRequested);
  connect(m_controls, &PlanControls::problem, this, &PlanPanel::showProblem);
  connect(&m_session, &PlanSession::profileChanged, this, &PlanPanel::showProfile);
  connect(&m_session, &PlanSession::planChanged, this, &PlanPanel::showPlan);
  connect(&m_session, &PlanSession::evaluated, this, &PlanPanel::showEvaluation);
  connect(&m_session, &PlanSession::planned, this, &PlanPanel::showOutcome);
}

void PlanPanel::setTheme(ThemeKind kind) {
  m_theme = kind;
  m_partition->setTheme(kind);
  m_memory->setTheme(kind);
  showEvaluation();
}

void PlanPanel::showProfile() {
  m_controls->showProfile();
  if (m_session.profile() != nullptr) return;
  m_words->clear();
  m_search->clear();
  m_problem->clear();
  m_prediction->set({});
  m_memory->set(nullptr);
  m_partition->set({}, {});
  m_stage->clear();
}

void PlanPanel::showPlan() {
  const plan::Plan& plan = m_session.plan();
  m_controls->showPlan();
  const QStringList chunks = chunkWords(plan);
  m_partition->setChunks(!chunks.isEmpty());
  m_partition->set(plan.partition(), chunks);
  QStringList names;
  for (qsizetype s = 0; s < static_cast<qsizetype>(plan.stages.size()); ++s)
    names << (chunks.isEmpty() ? tr("stage %1").arg(s) : tr("chunk %1, %2").arg(s).arg(chunks[s]));
  if (stageNames() != names) {
    m_stage->clear();
    m_stage->addItems(names);
  }
  fillLayers();
}

QStringList PlanPanel::stageNames() const {
  QStringList names;
  for (int s = 0; s < m_stage->count(); ++s) names << m_stage->itemText(s);
  return names;
}

void PlanPanel::fillLayers() {
  if (!m_session.ready() || m_stage->currentIndex() < 0) return;
  const auto& stages = m_session.plan().stages;
  const auto stage = static_cast<size_t>(m_stage->currentIndex());
  const int32_t count = stage < stages.size() ? stages[stage].layerCount() : 0;
  if (m_layer->count() == count + 1) return;
  m_layer->clear();
  m_layer->addItem(tr("all layers of its kind"));
  for (int32_t l = 0; l < count; ++l)
    m_layer->addItem(tr("layer %1 only").arg(stages[stage].firstLayer + l));
}

void PlanPanel::showEvaluation() {
  const auto& evaluation = m_session.evaluation();
  const Theme& colours = theme(m_theme);
  m_problem->setStyleSheet(QStringLiteral("color: %1").arg(colours.error.name()));
  if (!evaluation) return;
  m_problem->setVisible(!evaluation->problem.empty());
  m_problem->setText(evaluation->problem.empty()
                         ? QString()
                         : tr("This plan cannot run: %1").arg(toQt(evaluation->problem)));
  if (!evaluation->result) return;  // the last good figures stay, greyed by the words above them
  const sim::SimResult& result = *evaluation->result;
  m_words->setText(tr("%1: %2%3  %4")
                       .arg(toQt(m_session.plan().policy), predictionWords(result),
                            replayWords(*evaluation), tagText(trace::Tag::kSimulated)));
  showSearch();
  m_prediction->set(predictionTable(result, colours));
  m_memory->set(evaluation);
  QStringList words = chunkWords(m_session.plan());
  if (words.isEmpty()) {
    for (const sim::StageResult& stage : result.stages) {
      const int64_t passNs = stage.forwardNs + stage.backwardNs + stage.weightNs;
      words << tr("F+B %1").arg(toQt(formatDuration(passNs)));
    }
  }
  m_partition->set(m_session.plan().partition(), words);
}

void PlanPanel::showSearch() {
  const planner::PlanOutcome* const outcome = m_session.outcome();
  m_search->setVisible(outcome != nullptr);
  if (outcome == nullptr) return;
  m_search->setText(searchWords(*outcome));
  QStringList notes;
  for (const std::string& note : outcome->notes) notes << toQt(note);
  m_search->setToolTip(notes.join(QLatin1Char('\n')));
}

void PlanPanel::showProblem(const QString& words) {
  m_problem->setVisible(true);
  m_problem->setText(words);
}

void PlanPanel::showOutcome(const planner::PlanOutcome& outcome) {
  showSearch();
  if (outcome.status != planner::PlanStatus::kInfeasible) return;
  showProblem(
      tr("Nothing of this policy fits the budget. The smallest budget that would: %1 (stage %2).")
          .arg(toQt(formatBytes(outcome.smallestBudgetBytes)))
          .arg(outcome.tightestStage));
}

}  // namespace caracal::ui
