#include "app/ui/plan/plan_panel.h"

#include <QComboBox>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSplitter>
#include <QTableView>
#include <QVBoxLayout>

#include "app/ui/panels/figure_table.h"
#include "app/ui/plan/memory_chart.h"
#include "app/ui/plan/operator_table_model.h"
#include "app/ui/plan/partition_bar.h"
#include "app/ui/plan/placement_delegate.h"
#include "app/ui/plan/plan_edits.h"
#include "app/ui/plan/plan_tables.h"
#include "app/ui/theme/tag_style.h"
#include "core/base/format.h"
#include "core/plan/schedule.h"
#include "core/planner/budget_text.h"

namespace caracal::ui {
namespace {

QString toQt(const std::string& text) {
  return QString::fromStdString(text);
}

QString budgetText(int64_t budget) {
  return budget > 0 ? toQt(formatBytes(budget)) : QString();
}

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
  splitter->addWidget(makeControls());
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

QWidget* PlanPanel::makeControls() {
  auto* box = new QWidget(this);
  m_profile = new QLabel(box);
  m_profile->setWordWrap(true);
  m_policy = new QComboBox(box);
  m_policy->setEditable(true);  // "uniform:2"
  for (const planner::PolicyInfo& policy : planner::policies()) {
    const QString name =
        QString::fromUtf8(policy.name.data(), static_cast<qsizetype>(policy.name.size()));
    const QString shown = QString(name).replace(QStringLiteral(":N"), QStringLiteral(":1"));
    m_policy->addItem(shown);
    m_policy->setItemData(m_policy->count() - 1,
                          QString::fromUtf8(policy.description.data(),
                                            static_cast<qsizetype>(policy.description.size())),
                          Qt::ToolTipRole);
  }
  m_policy->setCurrentText(QStringLiteral("heu+"));
  m_budget = new QLineEdit(box);
  m_budget->setToolTip(
      tr("Bytes per GPU with a unit: 40GiB, 800 MB. Static memory and reserve included. Empty: no "
         "limit."));
  m_schedule = new QComboBox(box);
  m_schedule->setEditable(true);  // "interleaved:4"
  m_schedule->setInsertPolicy(QComboBox::NoInsert);
  for (const char* schedule :
       {"1F1B", "gpipe", "interleaved:2", "zb-h1", "zb-h2", "zb-v", "v-half", "v-min", "dualpipe"})
    m_schedule->addItem(QString::fromLatin1(schedule));
  m_schedule->setToolTip(
      tr("Pipeline schedule: interleaved:V takes any V. One that cuts the model into more stages "
         "makes the partition even."));
  m_partitionMode = new QComboBox(box);
  m_partitionMode->addItem(tr("as in the bar"), static_cast<int>(planner::PartitionMode::kGiven));
  m_partitionMode->addItem(tr("even"), static_cast<int>(planner::PartitionMode::kEven));
  m_partitionMode->addItem(tr("greedy moves"), static_cast<int>(planner::PartitionMode::kGreedy));
  m_partitionMode->addItem(tr("fastest slowest stage"),
                           static_cast<int>(planner::PartitionMode::kDp));
  m_partitionMode->addItem(tr("search on the step"),
                           static_cast<int>(planner::PartitionMode::kSearch));
  m_plan = new QPushButton(tr("Plan"), box);
  m_plan->setToolTip(tr("Let the policy choose what to keep and where to recompute"));
  m_measure = new QPushButton(tr("Measure..."), box);
  m_measure->setToolTip(
      tr("Train with this plan on this machine and set the result beside the prediction"));
  m_export = new QPushButton(tr("Export..."), box);
  auto* policies = new QPushButton(tr("Compare policies"), box);
  auto* form = new QFormLayout;
  form->addRow(tr("Policy"), m_policy);
  form->addRow(tr("Budget per GPU"), m_budget);
  form->addRow(tr("Schedule"), m_schedule);
  form->addRow(tr("Partition"), m_partitionMode);
  auto* layout = new QVBoxLayout(box);
  layout->addWidget(m_profile);
  layout->addLayout(form);
  layout->addWidget(m_plan);
  layout->addWidget(policies);
  layout->addWidget(m_measure);
  layout->addWidget(m_export);
  layout->addStretch();
  connect(m_plan, &QPushButton::clicked, this, &PlanPanel::requestPlan);
  connect(m_budget, &QLineEdit::editingFinished, this, &PlanPanel::commitBudget);
  connect(m_schedule, &QComboBox::activated, this, &PlanPanel::commitSchedule);
  connect(policies, &QPushButton::clicked, this, [this] {
    m_session.tryPolicies();
    emit compareRequested();
  });
  connect(m_measure, &QPushButton::clicked, this, &PlanPanel::measureRequested);
  connect(m_export, &QPushButton::clicked, this, &PlanPanel::exportRequested);
  return box;
}

QWidget* PlanPanel::makeOperators() {
  auto* box = new QWidget(this);
  m_partition = new PartitionBar(box);
  m_stage = new QComboBox(box);
  m_layer = new QComboBox(box);
  m_operators = new OperatorTableModel(m_session, box);
  auto* table = new QTableView(box);
  table->setModel(m_operators);
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
  const bool ready = m_session.profile() != nullptr;
  for (QWidget* widget : {static_cast<QWidget*>(m_plan), static_cast<QWidget*>(m_measure),
                          static_cast<QWidget*>(m_export), static_cast<QWidget*>(m_budget)}) {
    widget->setEnabled(ready);
  }
  if (!ready) {
    m_profile->setText(
        tr("No profile yet. Open a Caracal recording, a profile, or a model description."));
    m_words->clear();
    m_search->clear();
    m_problem->clear();
    m_prediction->set({});
    m_memory->set(nullptr);
    m_partition->set({}, {});
    m_stage->clear();
    return;
  }
  const profile::Profile& p = *m_session.profile();
  m_profile->setText(tr("%1 on %2\noperators %3\ntp %4, pp %5, dp %6, micro-batches %7")
                         .arg(toQt(p.name), toQt(p.hardware), tagText(p.tag))
                         .arg(p.parallel.tensor)
                         .arg(p.parallel.pipeline)
                         .arg(p.parallel.data)
                         .arg(p.parallel.microBatches));
  m_budget->setPlaceholderText(
      p.memory.capacityBytes > 0
          ? tr("%1 (all of the device)").arg(budgetText(p.memory.capacityBytes))
          : tr("no limit; e.g. 40GiB"));
}

void PlanPanel::showPlan() {
  const plan::Plan& plan = m_session.plan();
  if (!m_budget->hasFocus()) m_budget->setText(budgetText(m_session.budgetBytes()));
  m_schedule->setCurrentText(toQt(plan.schedule));
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
  m_words->setText(tr("%1: %2  %3")
                       .arg(toQt(m_session.plan().policy), predictionWords(result),
                            tagText(trace::Tag::kSimulated)));
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

void PlanPanel::showOutcome(const planner::PlanOutcome& outcome) {
  showSearch();
  if (outcome.status != planner::PlanStatus::kInfeasible) return;
  m_problem->setVisible(true);
  m_problem->setText(
      tr("Nothing of this policy fits the budget. The smallest budget that would: %1 (stage %2).")
          .arg(toQt(formatBytes(outcome.smallestBudgetBytes)))
          .arg(outcome.tightestStage));
}

int64_t PlanPanel::typedBudget() const {
  const QString text = m_budget->text().trimmed();
  return text.isEmpty() ? 0 : planner::parseBudget(text.toStdString()).value_or(-1);
}

void PlanPanel::commitBudget() {
  if (!m_session.ready()) return;
  // The shown text is rounded: leaving the field untouched must not change the budget.
  if (m_budget->text() == budgetText(m_session.budgetBytes())) return;
  const int64_t budget = typedBudget();
  if (budget < 0) {
    m_problem->setVisible(true);
    m_problem->setText(tr("\"%1\" is not a size; write bytes with a unit, such as 40GiB or 800 MB.")
                           .arg(m_budget->text()));
    return;
  }
  m_session.edit(withBudget(m_session.plan(), budget), tr("budget %1").arg(budgetText(budget)));
}

bool PlanPanel::commitSchedule() {
  if (!m_session.ready()) return false;
  const QString name = m_schedule->currentText().trimmed();
  Result<plan::Plan> plan = withSchedule(m_session.plan(), name.toStdString());
  if (plan) {
    m_session.edit(*plan, tr("schedule %1").arg(toQt(plan->schedule)));
    return true;
  }
  m_problem->setVisible(true);
  m_problem->setText(toQt(plan.error().text()));
  return false;
}

void PlanPanel::requestPlan() {
  commitBudget();
  if (!commitSchedule()) return;
  planner::PlanRequest request;
  request.policy = m_policy->currentText().trimmed().toStdString();
  request.budgetBytes = m_session.budgetBytes();
  request.partition = static_cast<planner::PartitionMode>(m_partitionMode->currentData().toInt());
  request.layersOfStage = m_session.plan().partition();
  request.schedule = m_session.plan().schedule;
  m_session.requestPlan(request);
}

}  // namespace caracal::ui
