#include "app/ui/measure/calibration_view.h"

#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QMenu>
#include <QPushButton>
#include <QToolButton>
#include <QVBoxLayout>

#include "app/ui/measure/command_line_box.h"
#include "app/ui/measure/measured_tables.h"
#include "app/ui/panels/figure_table.h"
#include "core/base/resources.h"

namespace caracal::ui {

CalibrationView::CalibrationView(Calibrator& calibrator, QWidget* parent)
    : QWidget(parent),
      m_calibrator(calibrator),
      m_start(new QPushButton(this)),
      m_use(new QToolButton(this)),
      m_words(new QLabel(this)),
      m_table(new FigureTableView(this)),
      m_command(new CommandLineBox(this)) {
  m_words->setWordWrap(true);
  m_words->setTextInteractionFlags(Qt::TextSelectableByMouse);
  m_use->setText(tr("Plan a model for this machine"));
  m_use->setPopupMode(QToolButton::InstantPopup);
  m_use->setToolTip(
      tr("Makes an estimated profile of a model description with the calibrated constants"));
  m_use->setMenu(new QMenu(m_use));
  fillModels();
  auto* buttons = new QHBoxLayout;
  buttons->addWidget(m_start);
  buttons->addWidget(m_use);
  buttons->addWidget(m_words, 1);
  auto* layout = new QVBoxLayout(this);
  layout->addLayout(buttons);
  layout->addWidget(m_table, 1);
  layout->addWidget(m_command);
  connect(m_start, &QPushButton::clicked, this, [this] {
    if (m_calibrator.running()) return m_calibrator.stop();
    m_calibrator.start(m_settings);
  });
  connect(&calibrator, &Calibrator::started, this, [this] {
    say(tr("Two short runs are made and read; the jobs panel shows how far they are."));
  });
  connect(&calibrator, &Calibrator::stopped, this,
          [this] { say(tr("Stopped; nothing was kept.")); });
  connect(&calibrator, &Calibrator::failed, this, [this](const QString& words) { say(words); });
  connect(&calibrator, &Calibrator::finished, this,
          [this] { say(tr("Written to %1").arg(m_calibrator.file())); });
  const bool known = QFileInfo::exists(calibrator.file());
  say(known ? tr("This machine was calibrated before: %1").arg(calibrator.file())
            : tr("Measures times of operators, links and what they cost each other, so that any "
                 "model description can be planned for this machine."));
}

void CalibrationView::setSettings(const MeasureSettings& settings) {
  m_settings = settings;
  showState();
}

void CalibrationView::setTheme(ThemeKind kind) {
  m_theme = kind;
  showState();
}

void CalibrationView::say(const QString& words) {
  m_words->setText(words);
  showState();
}

void CalibrationView::showState() {
  m_start->setText(m_calibrator.running() ? tr("Stop calibrating") : tr("Calibrate this machine"));
  m_use->setEnabled(!m_calibrator.running() && QFileInfo::exists(m_calibrator.file()));
  m_command->setCommand(m_calibrator.command(m_settings));
  if (m_calibrator.calibration())
    m_table->set(calibrationTable(*m_calibrator.calibration(), theme(m_theme)));
}

void CalibrationView::fillModels() {
  for (const std::string& name : listResources("models")) {
    const QString model = QString::fromStdString(name);
    m_use->menu()->addAction(model, this,
                             [this, model] { emit modelChosen(model, m_calibrator.file()); });
  }
  m_use->menu()->addSeparator();
  m_use->menu()->addAction(tr("A model description..."), this, [this] {
    const QString path = QFileDialog::getOpenFileName(this, tr("Model description"), {},
                                                      tr("Model descriptions (*.json)"));
    if (!path.isEmpty()) emit modelChosen(path, m_calibrator.file());
  });
}

}  // namespace caracal::ui
