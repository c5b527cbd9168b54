#include "app/ui/panels/table_panel.h"

#include <QAction>
#include <QComboBox>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>

#include "app/ui/panels/padded_cells.h"
#include "app/ui/panels/table_places.h"
#include "app/ui/qt_text.h"
#include "core/analysis/tables.h"
#include "core/base/files.h"

namespace caracal::ui {
namespace {

constexpr int kWidestColumn = 420;
constexpr int kRowsToMeasure = 200;  // for the widths of columns

QString sentenceOf(std::string_view name) {
  for (const analysis::TableKind& kind : analysis::tableKinds()) {
    if (kind.name == name) return toQt(kind.sentence);
  }
  return {};
}

}  // namespace

TablePanel::TablePanel(std::vector<std::string_view> names, JobBoard& jobs, Workspace& workspace,
                       QWidget* parent)
    : QWidget(parent),
      m_names(std::move(names)),
      m_workspace(workspace),
      m_slot(jobs),
      m_model(new DataTableModel(this)),
      m_choice(new QComboBox(this)),
      m_caption(new QLabel(this)),
      m_view(new QTableView(this)) {
  makeWidgets();
  connect(m_choice, &QComboBox::currentIndexChanged, this, &TablePanel::outdate);
  connect(&workspace, &Workspace::runsChanged, this, &TablePanel::outdate);
  connect(&workspace, &Workspace::ranksCompared, this, &TablePanel::outdate);
  connect(m_view, &QTableView::clicked, this, [this](const QModelIndex& at) { goTo(at.row()); });
  connect(m_view, &QTableView::activated, this, [this](const QModelIndex& at) { goTo(at.row()); });
  outdate();
}

std::vector<std::string_view> TablePanel::everyName() {
  std::vector<std::string_view> names;
  for (const analysis::TableKind& kind : analysis::tableKinds()) names.push_back(kind.name);
  return names;
}

void TablePanel::makeWidgets() {
  for (const std::string_view name : m_names) {
    m_choice->addItem(toQt(name));
    m_choice->setItemData(m_choice->count() - 1, sentenceOf(name), Qt::ToolTipRole);
  }
  m_choice->setVisible(m_names.size() > 1);
  m_choice->setAccessibleName(tr("Table"));
  m_caption->setWordWrap(true);
  m_caption->setTextInteractionFlags(Qt::TextSelectableByMouse);
  auto* save = new QToolButton(this);
  save->setText(tr("Save as CSV..."));
  save->setAutoRaise(true);
  connect(save, &QToolButton::clicked, this, &TablePanel::saveCsv);
  m_view->setModel(m_model);
  m_view->setItemDelegate(new PaddedCells(m_view));
  m_view->setHorizontalHeader(new PaddedHeader(m_view));
  m_view->setSelectionBehavior(QAbstractItemView::SelectRows);
  m_view->setEditTriggers(QAbstractItemView::NoEditTriggers);
  m_view->setAlternatingRowColors(true);
  m_view->setShowGrid(false);
  m_view->setWordWrap(false);
  m_view->setFrameShape(QFrame::NoFrame);
  m_view->setSortingEnabled(true);
  m_view->verticalHeader()->hide();
  m_view->verticalHeader()->setDefaultSectionSize(fontMetrics().height() + 6);
  m_view->horizontalHeader()->setResizeContentsPrecision(kRowsToMeasure);
  m_view->horizontalHeader()->setSortIndicator(-1, Qt::AscendingOrder);
  m_view->setAccessibleName(m_names.size() > 1 ? tr("Analysis table") : toQt(m_names.front()));
  auto* head = new QHBoxLayout;
  head->setContentsMargins(6, 4, 6, 2);
  head->setSpacing(8);
  head->addWidget(m_choice);
  head->addWidget(m_caption, 1);
  head->addWidget(save);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  layout->addLayout(head);
  layout->addWidget(m_view, 1);
}

void TablePanel::choose(std::string_view name) {
  const auto found = std::find(m_names.begin(), m_names.end(), name);
  if (found != m_names.end()) m_choice->setCurrentIndex(static_cast<int>(found - m_names.begin()));
}

QString TablePanel::words() const {
  return m_caption->text();
}

void TablePanel::showWords(const QString& words) {
  m_caption->setText(words);
}

void TablePanel::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  refresh();
}

void TablePanel::outdate() {
  m_current = false;
  m_slot.cancel();
  if (isVisible()) refresh();
}

void TablePanel::refresh() {
  if (m_current) return;
  m_current = true;
  m_model->set(nullptr);
  m_run = m_workspace.currentRun();
  if (!m_run) return showWords(tr("Open a run to fill this table."));
  if (!m_run->prepared) {
    return showWords(m_workspace.isComparing()
                         ? tr("The ranks are being compared...")
                         : tr("Comparing the ranks was stopped: open the run again to go on."));
  }
  const std::string name(m_names[static_cast<size_t>(m_choice->currentIndex())]);
  showWords(tr("Making the table..."));
  m_slot.start<DataTableModel::Table>(
      tr("Table %1").arg(toQt(name)),
      [name, run = m_run](const std::stop_token& stop,
                          const Progress&) -> Result<DataTableModel::Table> {
        const analysis::CommNames comm;
        CARACAL_TRY(table,
                    analysis::makeTable(name, {.run = *run->prepared, .comm = comm, .stop = stop}));
        return std::make_shared<const analysis::DataTable>(std::move(table));
      },
      [this](Result<DataTableModel::Table> table) { show(std::move(table)); });
}

void TablePanel::show(Result<DataTableModel::Table> table) {
  if (!table) return showWords(QString::fromStdString(table.error().message));
  m_view->horizontalHeader()->setSortIndicator(-1, Qt::AscendingOrder);
  m_model->set(*table);
  m_view->resizeColumnsToContents();
  for (int c = 0; c < m_model->columnCount(); ++c)
    m_view->setColumnWidth(c, std::min(m_view->columnWidth(c) + 10, kWidestColumn));
  QStringList words{tr("%1: %2 (%L3 rows)")
                        .arg(QString::fromStdString(m_run->name), sentenceOf((*table)->name))
                        .arg((*table)->rows.size())};
  for (const std::string& note : (*table)->notes) words << QString::fromStdString(note);
  showWords(words.join(QStringLiteral(" \u2014 ")));
}

void TablePanel::goTo(int row) {
  if (!m_model->table() || !m_run || !m_run->prepared) return;
  const trace::EventIndex event =
      eventOfRow(*m_run->prepared, *m_model->table(), m_model->tableRow(row));
  if (event != trace::kNoIndex) emit eventChosen(m_run, event);
}

void TablePanel::saveCsv() {
  if (!m_model->table()) return;
  const QString path = QFileDialog::getSaveFileName(
      this, tr("Save the table"), toQt(m_model->table()->name) + QStringLiteral(".csv"),
      tr("Tables (*.csv)"));
  if (path.isEmpty()) return;
  const auto written = writeTextFile(path.toStdString(), analysis::toCsv(*m_model->table()));
  if (!written) emit failed(QString::fromStdString(written.error().text()));
}

}  // namespace caracal::ui
