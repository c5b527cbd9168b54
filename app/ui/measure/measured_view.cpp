#include "app/ui/measure/measured_view.h"

#include <QItemSelectionModel>
#include <QLabel>
#include <QSplitter>
#include <QVBoxLayout>

#include "app/ui/measure/measured_tables.h"
#include "app/ui/measure/pass_chart.h"
#include "app/ui/panels/figure_table.h"
#include "app/ui/qt_text.h"
#include "app/ui/theme/tag_style.h"
#include "core/base/format.h"

namespace caracal::ui {
QString comparisonWords(const ComparedRun& run) {
  const analysis::RunSummary& predicted = run.measurement.predicted;
  const analysis::RunSummary& measured = run.measurement.measured;
  QString words =
      FiguresView::tr("%1: step %2 %3, %4 %5; the prediction is off by %6 of the measured step.")
          .arg(toQt(measured.name), toQt(formatDuration(predicted.stepNs)), tagText(predicted.tag),
               toQt(formatDuration(measured.stepNs)), tagText(measured.tag),
               errorText(predicted.stepNs, measured.stepNs));
  if (!run.replay) return words;
  return FiguresView::tr("%1 Replayed, the profile's own run is off by %2.")
      .arg(words, errorText(run.replay->simulatedNs, run.replay->observedNs));
}

FiguresView::FiguresView(QWidget* parent)
    : QWidget(parent), m_words(new QLabel(this)), m_table(new FigureTableView(this)) {
  m_words->setWordWrap(true);
  m_words->setTextInteractionFlags(Qt::TextSelectableByMouse);
  m_words->setContentsMargins(6, 4, 6, 2);
  m_table->setAccessibleName(tr("Predicted and measured figures"));
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  layout->addWidget(m_words);
  layout->addWidget(m_table, 1);
  show();
}

void FiguresView::set(std::shared_ptr<const ComparedRun> run) {
  m_run = std::move(run);
  show();
}

void FiguresView::setTheme(ThemeKind kind) {
  m_theme = kind;
  show();
}

void FiguresView::show() {
  if (!m_run) {
    m_table->set({});
    return m_words->setText(
        tr("After a measurement its figures are here, beside what was predicted."));
  }
  QStringList words{comparisonWords(*m_run)};
  words << measuredCautions(m_run->measurement);
  m_words->setText(words.join(QLatin1Char('\n')));
  m_table->set(measuredTable(m_run->measurement, theme(m_theme)));
}

PassesView::PassesView(QWidget* parent)
    : QWidget(parent), m_chart(new PassChart(this)), m_table(new FigureTableView(this)) {
  m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
  m_table->setAccessibleName(tr("Passes, predicted and measured"));
  auto* splitter = new QSplitter(Qt::Horizontal, this);
  splitter->setChildrenCollapsible(false);
  splitter->addWidget(m_chart);
  splitter->addWidget(m_table);
  splitter->setStretchFactor(0, 3);
  splitter->setStretchFactor(1, 2);
  splitter->setSizes({720, 480});
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(splitter);
  connect(m_chart, &PassChart::chosen, this, &PassesView::choose);
  connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
          [this](const QModelIndex& row) { m_chart->choose(row.row()); });
}

void PassesView::set(std::shared_ptr<const ComparedRun> run) {
  m_run = std::move(run);
  show();
}

void PassesView::setTheme(ThemeKind kind) {
  m_theme = kind;
  m_chart->setTheme(kind);
  show();
}

void PassesView::show() {
  ComparedPasses passes;
  if (m_run) {
    passes = {m_run->measurement.passes, m_run->measurement.predicted.tag,
              m_run->measurement.measured.tag};
  }
  m_table->set(passes.passes.empty() ? FigureTable{} : passTable(passes, theme(m_theme)));
  m_chart->set(std::move(passes));
}

void PassesView::choose(int pass) {
  if (!m_run || pass < 0) return;
  if (m_table->currentIndex().row() != pass) m_table->selectRow(pass);
  emit passChosen(m_run->measurement.passes[static_cast<size_t>(pass)].measured.event);
}

}  // namespace caracal::ui
