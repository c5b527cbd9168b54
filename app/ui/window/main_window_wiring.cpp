// MainWindow's connections: which piece hears what of which other, and what each action does.
#include <QAction>
#include <QApplication>
#include <QMessageBox>
#include <QSettings>

#include "app/ui/measure/measure_panel.h"
#include "app/ui/panels/legend.h"
#include "app/ui/panels/run_panels.h"
#include "app/ui/panels/search_bar.h"
#include "app/ui/panels/step_strip.h"
#include "app/ui/plan/plan_panel.h"
#include "app/ui/record/record_dialog.h"
#include "app/ui/timeline/timeline_widget.h"
#include "app/ui/window/action_table.h"
#include "app/ui/window/command_palette.h"
#include "app/ui/window/empty_state.h"
#include "app/ui/window/error_bar.h"
#include "app/ui/window/keys_dialog.h"
#include "app/ui/window/main_window.h"
#include "app/ui/window/panel_docks.h"
#include "app/ui/window/settings.h"
#include "app/ui/window/timeline_actions.h"

namespace caracal::ui {

void MainWindow::connectActions() {
  connectTimelineActions(*m_actions, m_timeline, *m_timelineWidget);
  const auto on = [this](const char* id, auto work) {
    connect((*m_actions)[id], &QAction::triggered, this, work);
  };
  on("file.open", [this] { chooseFiles(Workspace::OpenMode::kReplace); });
  on("file.add", [this] { chooseFiles(Workspace::OpenMode::kAdd); });
  on("file.openFolder", [this] { chooseFolder(); });
  on("file.closeAll", [this] { m_opener.closeAll(); });
  on("file.render", [this] { savePicture(); });
  on("file.quit", [this] { close(); });
  on("edit.undo", [this] { m_session.undoStack().undo(); });
  on("edit.redo", [this] { m_session.undoStack().redo(); });
  on("edit.copyDetails", [this] { m_docks->details().copy(); });
  on("edit.find", [this] { m_search->focusInput(); });
  on("edit.findSlash", [this] { m_search->focusInput(); });
  on("view.theme",
     [this] { setTheme(m_theme == ThemeKind::kDark ? ThemeKind::kLight : ThemeKind::kDark); });
  (*m_actions)["view.byRank"]->setCheckable(true);
  on("view.byRank",
     [this](bool all) { m_workspace.setGrouping(all ? Grouping::kByRank : Grouping::kByStage); });
  on("view.foldSteps", [this] { foldSteps(); });
  on("layout.analyse", [this] { showLayout(QStringLiteral("analyse")); });
  on("layout.plan", [this] { showLayout(QStringLiteral("plan")); });
  on("layout.measure", [this] { showLayout(QStringLiteral("measure")); });
  on("layout.compare", [this] { showLayout(QStringLiteral("compare")); });
  on("measure.start", [this] { measure(); });
  on("measure.stop", [this] { m_docks->measure().session().stop(); });
  on("measure.record", [this] { showRecord(); });
  on("help.palette", [this] { CommandPalette(*m_actions, this).exec(); });
  on("help.keys", [this] {
    KeysDialog dialog(*m_actions, this);
    connect(&dialog, &KeysDialog::keysChanged, this, [this] { m_actions->save(*m_settings); });
    dialog.exec();
  });
  on("help.about", [this] {
    QMessageBox::about(this, tr("About Caracal"),
                       tr("<b>Caracal %1</b><br>Profiling, planning and measuring of large-model "
                          "training on many GPUs.")
                           .arg(QCoreApplication::applicationVersion()));
  });
  QUndoStack& undo = m_session.undoStack();
  connect(&undo, &QUndoStack::canUndoChanged, (*m_actions)["edit.undo"], &QAction::setEnabled);
  connect(&undo, &QUndoStack::canRedoChanged, (*m_actions)["edit.redo"], &QAction::setEnabled);
  connect(&undo, &QUndoStack::undoTextChanged, this, [this](const QString& text) {
    (*m_actions)["edit.undo"]->setText(text.isEmpty() ? tr("Undo") : tr("Undo %1").arg(text));
  });
  (*m_actions)["edit.undo"]->setEnabled(false);
  (*m_actions)["edit.redo"]->setEnabled(false);
}

void MainWindow::connectPieces() {
  connect(&m_workspace, &Workspace::runsChanged, this, &MainWindow::showRuns);
  connect(&m_workspace, &Workspace::predictionChanged, this, &MainWindow::showRuns);
  connect(&m_opener, &Opener::failed, this, &MainWindow::showError);
  connect(&m_opener, &Opener::noticed, this, &MainWindow::showNotice);
  connect(&m_opener, &Opener::opened, this, [this](const QStringList& paths) {
    addRecent(*m_settings, paths);
    fillRecent();
    m_errors->hide();
    m_timelineWidget->setFocus();
  });
  connect(&m_timeline, &TimelineController::sceneChanged, this,
          [this] { m_legend->set(m_timeline.scene()); });
  connect(m_timelineWidget, &TimelineWidget::copyRequested, this, [this](const BlockRef& ref) {
    m_timeline.select(ref);
    m_docks->details().copy();
  });
  connect(m_steps, &StepStrip::foldRequested, this, &MainWindow::foldSteps);
  connect(m_docks, &PanelDocks::failed, this, &MainWindow::showError);
  connect(m_search, &SearchBar::left, m_timelineWidget, qOverload<>(&QWidget::setFocus));
  connect(m_empty, &EmptyState::openRequested, this,
          [this] { chooseFiles(Workspace::OpenMode::kReplace); });
  connect(m_empty, &EmptyState::openFolderRequested, this, &MainWindow::chooseFolder);
  connect(m_empty, &EmptyState::recentRequested, this, &MainWindow::open);
  connect(&m_session, &PlanSession::failed, this, &MainWindow::showError);
  connect(&m_session, &PlanSession::evaluated, this, &MainWindow::showPrediction);
  connect(&m_session, &PlanSession::profileChanged, this, [this] {
    if (!m_session.profile()) m_workspace.clearPrediction();
  });
  connect(&m_docks->plan(), &PlanPanel::measureRequested, this,
          [this] { showLayout(QStringLiteral("measure")); });
  connect(&m_docks->plan(), &PlanPanel::exportRequested, this, &MainWindow::showExport);
  connect(&m_docks->plan(), &PlanPanel::compareRequested, this,
          [this] { showLayout(QStringLiteral("compare")); });
  connect(&m_jobs, &JobBoard::changed, this, &MainWindow::showJobs);
}

void MainWindow::connectMeasuring() {
  MeasureSession& session = m_docks->measure().session();
  connect(&session, &MeasureSession::recorded, this,
          [this](const QString& recording, const plan::Plan& plan) {
            m_opener.keepMeasurement(recording, plan);
            m_opener.open({recording}, Workspace::OpenMode::kAdd);
          });
  connect(&session, &MeasureSession::compared, this, [this, &session] {
    const runs::Measurement& measurement = session.comparison()->measurement;
    // The plan's own prediction speaks of another machine: this one belongs below the run.
    if (!measurement.note.empty())
      m_workspace.setPrediction(tr("predicted for this run: %1")
                                    .arg(QString::fromStdString(measurement.predicted.name))
                                    .toStdString(),
                                measurement.predictedTrace);
  });
  connect(&session, &MeasureSession::settingsChanged, this,
          [this, &session] { keepState(kMeasureState, toJson(session.settings())); });
  connect(&session, &MeasureSession::stateChanged, this, [this, &session] {
    (*m_actions)["measure.start"]->setEnabled(!session.running());
    (*m_actions)["measure.stop"]->setEnabled(session.running());
  });
  (*m_actions)["measure.stop"]->setEnabled(false);
  connect(&m_opener, &Opener::projectOpened, this, [this, &session](const LoadedProject& project) {
    for (const auto& [key, value] : project.state) {
      const QString text = QString::fromStdString(value);
      if (key == kMeasureState) session.setSettings(measureSettingsFromJson(text));
      if (key == kRecordState) m_record->setSettings(recordSettingsFromJson(text));
    }
  });
  connect(&m_docks->measure(), &MeasurePanel::modelChosen, &m_opener, &Opener::openModelOn);
}

void MainWindow::connectRecording() {
  m_record = new RecordDialog(m_jobs, this);
  connect(m_record, &RecordDialog::settingsChanged, this,
          [this] { keepState(kRecordState, toJson(m_record->settings())); });
  connect(m_record, &RecordDialog::openRequested, this,
          [this](const QString& folder) { m_opener.open({folder}, Workspace::OpenMode::kAdd); });
  connect(&m_docks->measure(), &MeasurePanel::recordRequested, this, [this] { showRecord(); });
}

}  // namespace caracal::ui
