#include "app/ui/panels/jobs_panel.h"

#include <QHeaderView>
#include <QPushButton>
#include <QTableView>
#include <QVBoxLayout>

#include "app/ui/jobs/job_board.h"

namespace caracal::ui {

JobsPanel::JobsPanel(JobBoard& jobs, QWidget* parent) : QWidget(parent) {
  auto* table = new QTableView(this);
  table->setModel(&jobs);
  table->setSelectionBehavior(QAbstractItemView::SelectRows);
  table->setFrameShape(QFrame::NoFrame);
  table->setShowGrid(false);
  table->verticalHeader()->hide();
  table->horizontalHeader()->setSectionResizeMode(JobBoard::kPhase, QHeaderView::Stretch);
  table->horizontalHeader()->resizeSection(JobBoard::kTitle, 260);
  auto* stop = new QPushButton(tr("Stop the selected job"), this);
  stop->setEnabled(false);
  connect(&jobs, &JobBoard::changed, stop, [stop, &jobs] { stop->setEnabled(jobs.busy()); });
  connect(stop, &QPushButton::clicked, this, [table, &jobs] {
    const QModelIndexList rows = table->selectionModel()->selectedRows();
    jobs.cancel(rows.isEmpty() ? jobs.rowCount() - 1 : rows.front().row());
  });
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 4);
  layout->addWidget(table, 1);
  layout->addWidget(stop, 0, Qt::AlignLeft);
}

}  // namespace caracal::ui
