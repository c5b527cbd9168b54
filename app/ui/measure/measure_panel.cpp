#include "app/ui/measure/measure_panel.h"

#include <QFontDatabase>
#include <QHBoxLayout>
#include <QLabel>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QScrollArea>
#include <QSplitter>
#include <QTabWidget>
#include <QVBoxLayout>

#include "app/ui/measure/calibration_view.h"
#include "app/ui/measure/command_line_box.h"
#include "app/ui/measure/measure_form.h"
#include "app/ui/measure/measured_view.h"
#include "app/ui/qt_text.h"

namespace caracal::ui {
namespace {

constexpr int kOutputLines = 5000;  // kept of what a run prints

}  // namespace

MeasurePanel::MeasurePanel(JobBoard& jobs, Workspace& workspace, PlanSession& plan, QWidget* parent)
    : QWidget(parent),
      m_workspace(workspace),
      m_plan(plan),
      m_session(jobs, workspace, plan),
      m_calibrator(jobs),
      m_form(new MeasureForm(jobs, this)),
      m_command(new CommandLineBox(this)) {
  auto* splitter = new QSplitter(Qt::Horizontal, this);
  splitter->setChildrenCollapsible(false);
  splitter->addWidget(makeChoices());
  splitter->addWidget(makeTabs());
  splitter->setStretchFactor(0, 0);
  splitter->setStretchFactor(1, 1);
  splitter->setSizes({330, 1200});
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 4);
  layout->addWidget(splitter, 1);
  layout->addWidget(m_command);
  connectSession();
  m_form->setSettings(m_session.settings());
  showState();
}

QWidget* MeasurePanel::makeChoices() {
  auto* box = new QWidget(this);
  m_measure = new QPushButton(tr("Measure"), box);
  m_measure->setToolTip(
      tr("Train with this plan on this machine and set the result beside the prediction"));
  m_stop = new QPushButton(tr("Stop"), box);
  m_stop->setToolTip(
      tr("Ends the run after its step; pressed again, at once. What was recorded is "
         "kept."));
  m_words = new QLabel(box);
  m_words->setWordWrap(true);
  m_words->setTextInteractionFlags(Qt::TextSelectableByMouse);
  auto* record = new QPushButton(tr("Record a CUDA job..."), box);
  record->setToolTip(tr("Run any command with Caracal's recorder loaded into its CUDA processes"));
  auto* run = new QHBoxLayout;
  run->addWidget(m_measure, 1);
  run->addWidget(m_stop);
  auto* layout = new QVBoxLayout(box);
  layout->setContentsMargins(6, 4, 6, 4);
  layout->addLayout(run);
  layout->addWidget(m_words);
  layout->addWidget(m_form);
  layout->addWidget(record);
  layout->addStretch();
  connect(m_measure, &QPushButton::clicked, &m_session, &MeasureSession::measure);
  connect(m_stop, &QPushButton::clicked, &m_session, &MeasureSession::stop);
  connect(record, &QPushButton::clicked, this, &MeasurePanel::recordRequested);
  auto* scroll = new QScrollArea(this);
  scroll->setWidgetResizable(true);
  scroll->setFrameShape(QFrame::NoFrame);
  scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  scroll->setWidget(box);
  return scroll;
}

QWidget* MeasurePanel::makeTabs() {
  m_tabs = new QTabWidget(this);
  m_tabs->setDocumentMode(true);
  m_live = new LivePlot(m_tabs);
  m_figures = new FiguresView(m_tabs);
  m_passes = new PassesView(m_tabs);
  m_output = new QPlainTextEdit(m_tabs);
  m_output->setReadOnly(true);
  m_output->setTabChangesFocus(true);
  m_output->setMaximumBlockCount(kOutputLines);
  m_output->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
  m_output->setAccessibleName(tr("What caracal-run printed"));
  m_calibration = new CalibrationView(m_calibrator, m_tabs);
  m_tabs->addTab(m_live, tr("Live"));
  m_tabs->addTab(m_figures, tr("Predicted and measured"));
  m_tabs->addTab(m_passes, tr("Pass by pass"));
  m_tabs->addTab(m_output, tr("Output"));
  m_tabs->addTab(m_calibration, tr("Calibration"));
  return m_tabs;
}

void MeasurePanel::connectSession() {
  connect(m_form, &MeasureForm::changed, this,
          [this] { m_session.setSettings(m_form->settings()); });
  connect(&m_session, &MeasureSession::settingsChanged, this, [this] {
    if (m_form->settings() != m_session.settings()) m_form->setSettings(m_session.settings());
  });
  connect(&m_session, &MeasureSession::stateChanged, this, &MeasurePanel::showState);
  connect(&m_plan, &PlanSession::profileChanged, this,
          [this] { m_form->setProfile(m_plan.profile().get()); });
  connect(&m_session, &MeasureSession::began, this, [this](const ExpectedRun& expected) {
    m_live->begin(expected);
    m_output->clear();
    m_output->appendPlainText(QStringLiteral("$ ") + m_command->command());
    m_tabs->setCurrentWidget(m_live);
    say(tr("Starting."));
  });
  connect(&m_session, &MeasureSession::started, this, [this](const runs::RunStart& start) {
    m_live->setTag(trace::tagFromName(start.tag).value_or(trace::Tag::kMeasured));
    say(tr("Running: %1 ranks on the %2 clock.").arg(start.ranks).arg(toQt(start.clock)));
  });
  connect(&m_session, &MeasureSession::stepped, m_live, &LivePlot::add);
  connect(&m_session, &MeasureSession::stepped, this, [this](const runs::RunStep& step) {
    if (!m_session.stopping()) say(toQt(runs::stepWords(step, m_session.settings().steps)));
  });
  connect(&m_session, &MeasureSession::warned, this, [this](const QString& words) { say(words); });
  connect(&m_session, &MeasureSession::said, m_output, &QPlainTextEdit::appendPlainText);
  connect(&m_session, &MeasureSession::ended, this, &MeasurePanel::showEnd);
  connect(&m_session, &MeasureSession::failed, this,
          [this](const QString& words) { say(words, true); });
  connect(&m_session, &MeasureSession::compared, this, &MeasurePanel::showComparison);
  connect(m_passes, &PassesView::passChosen, this, &MeasurePanel::reveal);
  connect(m_calibration, &CalibrationView::modelChosen, this, &MeasurePanel::modelChosen);
}

void MeasurePanel::setTheme(ThemeKind kind) {
  m_theme = kind;
  m_live->setTheme(kind);
  m_figures->setTheme(kind);
  m_passes->setTheme(kind);
  m_calibration->setTheme(kind);
  say(m_words->text(), m_wordsAreProblem);
}

void MeasurePanel::showState() {
  const auto command = m_session.command();
  if (command) {
    m_command->setCommand(*command);
  } else {
    m_command->setProblem(toQt(command.error().text()));
  }
  const bool running = m_session.running();
  m_measure->setEnabled(!running && command.has_value());
  m_stop->setEnabled(running);
  m_form->setEnabled(!running && m_plan.ready());
  m_calibration->setSettings(m_session.settings());
  if (m_session.stopping()) {
    m_stop->setText(tr("End at once"));
    say(tr("Stopping after this step; it is cut off in %1 s.").arg(m_session.graceSeconds()));
  } else {
    m_stop->setText(tr("Stop"));
  }
}

void MeasurePanel::showEnd(const RunOutcome& outcome) {
  switch (outcome.kind) {
    case RunOutcome::Kind::kAllSteps:
      return say(tr("Done: %n steps.", nullptr, outcome.steps));
    case RunOutcome::Kind::kStopped:
      return say(tr("%1 %n steps are recorded.", nullptr, outcome.steps).arg(outcome.words));
    case RunOutcome::Kind::kFailed:
      say(outcome.steps == 0
              ? outcome.words
              : tr("%1\n%n steps were recorded before that and are shown.", nullptr, outcome.steps)
                    .arg(outcome.words),
          true);
      m_tabs->setCurrentWidget(m_output);
  }
}

void MeasurePanel::showComparison() {
  m_figures->set(m_session.comparison());
  m_passes->set(m_session.comparison());
  m_tabs->setCurrentWidget(m_figures);
}

void MeasurePanel::reveal(trace::EventIndex measuredEvent) {
  const auto& comparison = m_session.comparison();
  for (const RunPtr& run : m_workspace.runs()) {
    if (comparison && !run->paths.empty() && toQt(run->paths.front()) == comparison->recording) {
      m_workspace.reveal(run, measuredEvent);
      return;
    }
  }
}

void MeasurePanel::say(const QString& words, bool isProblem) {
  m_wordsAreProblem = isProblem;
  m_words->setText(words);
  m_words->setVisible(!words.isEmpty());
  m_words->setStyleSheet(isProblem ? QStringLiteral("color: %1").arg(theme(m_theme).error.name())
                                   : QString());
}

}  // namespace caracal::ui
