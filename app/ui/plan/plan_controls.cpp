#include "app/ui/plan/plan_controls.h"

#include <QComboBox>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QVBoxLayout>

#include "app/ui/plan/plan_edits.h"
#include "app/ui/qt_text.h"
#include "app/ui/theme/tag_style.h"
#include "core/base/format.h"
#include "core/planner/budget_text.h"

namespace caracal::ui {
namespace {

QString budgetText(int64_t budget) {
  return budget > 0 ? toQt(formatBytes(budget)) : QString();
}

}  // namespace

PlanControls::PlanControls(PlanSession& session, QWidget* parent)
    : QWidget(parent), m_session(session) {
  m_profile = new QLabel(this);
  m_profile->setWordWrap(true);
  m_policy = new QComboBox(this);
  m_policy->setEditable(true);  // "uniform:2"
  for (const planner::PolicyInfo& policy : planner::policies()) {
    const QString name = toQt(policy.name);
    const QString shown = QString(name).replace(QStringLiteral(":N"), QStringLiteral(":1"));
    m_policy->addItem(shown);
    m_policy->setItemData(m_policy->count() - 1, toQt(policy.description), Qt::ToolTipRole);
  }
  m_policy->setCurrentText(QStringLiteral("heu+"));
  m_budget = new QLineEdit(this);
  m_budget->setToolTip(
      tr("Bytes per GPU with a unit: 40GiB, 800 MB. Static memory and reserve included. Empty: no "
         "limit."));
  m_schedule = new QComboBox(this);
  m_schedule->setEditable(true);  // "interleaved:4"
  m_schedule->setInsertPolicy(QComboBox::NoInsert);
  for (const char* schedule :
       {"1F1B", "gpipe", "interleaved:2", "zb-h1", "zb-h2", "zb-v", "v-half", "v-min", "dualpipe"})
    m_schedule->addItem(QString::fromLatin1(schedule));
  m_schedule->setToolTip(
      tr("Pipeline schedule: interleaved:V takes any V. One that cuts the model into more stages "
         "makes the partition even."));
  m_partitionMode = new QComboBox(this);
  m_partitionMode->addItem(tr("as in the bar"), static_cast<int>(planner::PartitionMode::kGiven));
  m_partitionMode->addItem(tr("even"), static_cast<int>(planner::PartitionMode::kEven));
  m_partitionMode->addItem(tr("greedy moves"), static_cast<int>(planner::PartitionMode::kGreedy));
  m_partitionMode->addItem(tr("fastest slowest stage"),
                           static_cast<int>(planner::PartitionMode::kDp));
  m_partitionMode->addItem(tr("search on the step"),
                           static_cast<int>(planner::PartitionMode::kSearch));
  m_plan = new QPushButton(tr("Plan"), this);
  m_plan->setToolTip(tr("Let the policy choose what to keep and where to recompute"));
  m_measure = new QPushButton(tr("Measure..."), this);
  m_measure->setToolTip(
      tr("Train with this plan on this machine and set the result beside the prediction"));
  m_export = new QPushButton(tr("Export..."), this);
  auto* policies = new QPushButton(tr("Compare policies"), this);
  auto* form = new QFormLayout;
  form->addRow(tr("Policy"), m_policy);
  form->addRow(tr("Budget per GPU"), m_budget);
  form->addRow(tr("Schedule"), m_schedule);
  form->addRow(tr("Partition"), m_partitionMode);
  auto* layout = new QVBoxLayout(this);
  layout->addWidget(m_profile);
  layout->addLayout(form);
  layout->addWidget(m_plan);
  layout->addWidget(policies);
  layout->addWidget(m_measure);
  layout->addWidget(m_export);
  layout->addStretch();
  connect(m_plan, &QPushButton::clicked, this, &PlanControls::requestPlan);
  connect(m_budget, &QLineEdit::editingFinished, this, &PlanControls::commitBudget);
  connect(m_schedule, &QComboBox::activated, this, &PlanControls::commitSchedule);
  connect(policies, &QPushButton::clicked, this, [this] {
    m_session.tryPolicies();
    emit compareRequested();
  });
  connect(m_measure, &QPushButton::clicked, this, &PlanControls::measureRequested);
  connect(m_export, &QPushButton::clicked, this, &PlanControls::exportRequested);
}

void PlanControls::showProfile() {
  const bool ready = m_session.profile() != nullptr;
  for (QWidget* widget : {static_cast<QWidget*>(m_plan), static_cast<QWidget*>(m_measure),
                          static_cast<QWidget*>(m_export), static_cast<QWidget*>(m_budget)}) {
    widget->setEnabled(ready);
  }
  if (!ready) {
    m_profile->setText(
        tr("No profile yet. Open a Caracal recording, a profile, or a model description."));
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

void PlanControls::showPlan() {
  if (!m_budget->hasFocus()) m_budget->setText(budgetText(m_session.budgetBytes()));
  m_schedule->setCurrentText(toQt(m_session.plan().schedule));
}

int64_t PlanControls::typedBudget() const {
  const QString text = m_budget->text().trimmed();
  return text.isEmpty() ? 0 : planner::parseBudget(text.toStdString()).value_or(-1);
}

void PlanControls::commitBudget() {
  if (!m_session.ready()) return;
  // The shown text is rounded: leaving the field untouched must not change the budget.
  if (m_budget->text() == budgetText(m_session.budgetBytes())) return;
  const int64_t budget = typedBudget();
  if (budget < 0) {
    emit problem(tr("\"%1\" is not a size; write bytes with a unit, such as 40GiB or 800 MB.")
                     .arg(m_budget->text()));
    return;
  }
  m_session.edit(withBudget(m_session.plan(), budget), tr("budget %1").arg(budgetText(budget)));
}

bool PlanControls::commitSchedule() {
  if (!m_session.ready()) return false;
  const QString name = m_schedule->currentText().trimmed();
  Result<plan::Plan> plan = withSchedule(m_session.plan(), name.toStdString());
  if (plan) {
    m_session.edit(*plan, tr("schedule %1").arg(toQt(plan->schedule)));
    return true;
  }
  emit problem(toQt(plan.error().text()));
  return false;
}

void PlanControls::requestPlan() {
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
