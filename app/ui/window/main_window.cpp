#include "app/ui/window/main_window.h"

#include <QApplication>
#include <QCloseEvent>
#include <QDockWidget>
#include <QDragEnterEvent>
#include <QFileDialog>
#include <QLabel>
#include <QMenuBar>
#include <QMessageBox>
#include <QMimeData>
#include <QProgressBar>
#include <QSettings>
#include <QStackedWidget>
#include <QStatusBar>
#include <QToolButton>
#include <QVBoxLayout>
#include <numeric>

#include "app/ui/measure/measure_panel.h"
#include "app/ui/panels/legend.h"
#include "app/ui/panels/minimap.h"
#include "app/ui/panels/run_panels.h"
#include "app/ui/panels/search_bar.h"
#include "app/ui/panels/step_strip.h"
#include "app/ui/plan/export_dialog.h"
#include "app/ui/plan/plan_panel.h"
#include "app/ui/record/record_dialog.h"
#include "app/ui/render/render_timeline.h"
#include "app/ui/theme/app_theme.h"
#include "app/ui/timeline/timeline_widget.h"
#include "app/ui/window/action_table.h"
#include "app/ui/window/command_palette.h"
#include "app/ui/window/empty_state.h"
#include "app/ui/window/error_bar.h"
#include "app/ui/window/keys_dialog.h"
#include "app/ui/window/menus.h"
#include "app/ui/window/panel_docks.h"
#include "app/ui/window/settings.h"
#include "app/ui/window/timeline_actions.h"

namespace caracal::ui {
namespace {

constexpr int kNoticeMs = 15000;
const auto kGeometryKey = QStringLiteral("window/geometry");
const auto kDocksKey = QStringLiteral("window/docks");

}  // namespace

MainWindow::MainWindow(std::unique_ptr<QSettings> settings, QWidget* parent)
    : QMainWindow(parent),
      m_settings(std::move(settings)),
      m_workspace(m_jobs, m_timeline),
      m_session(m_jobs),
      m_opener(m_jobs, m_workspace, m_session) {
  setWindowTitle(tr("Caracal"));
  setAcceptDrops(true);
  setDockNestingEnabled(true);
  resize(1600, 980);
  makeCentre();
  m_actions = new ActionBook(this, m_timelineWidget);
  m_actions->load(*m_settings);
  makeDocks();
  makeMenus();
  makeStatusBar();
  connectActions();
  connectPieces();
  connectMeasuring();
  connectRecording();
  restore();
  showRuns();
}

MainWindow::~MainWindow() {
  // Jobs post to pieces of the window: stop them while all of those still exist.
  m_jobs.cancelAll();
}

void MainWindow::makeCentre() {
  auto* page = new QWidget(this);
  m_errors = new ErrorBar(page);
  m_timelineWidget = new TimelineWidget(m_timeline, page);
  m_search = new SearchBar(m_jobs, m_timeline, page);
  m_legend = new Legend(page);
  m_steps = new StepStrip(m_timeline, page);
  m_minimap = new Minimap(m_timeline, page);
  m_empty = new EmptyState(page);
  auto* shown = new QWidget(page);
  auto* column = new QVBoxLayout(shown);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addWidget(m_search);
  column->addWidget(m_steps);
  column->addWidget(m_minimap);
  column->addWidget(m_timelineWidget, 1);
  column->addWidget(m_legend);
  m_centre = new QStackedWidget(page);
  m_centre->addWidget(m_empty);
  m_centre->addWidget(shown);
  auto* layout = new QVBoxLayout(page);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  layout->addWidget(m_errors);
  layout->addWidget(m_centre, 1);
  setCentralWidget(page);
}

void MainWindow::makeDocks() {
  m_docks = new PanelDocks(*this, {m_jobs, m_workspace, m_timeline, m_session});
}

void MainWindow::showLayout(const QString& name) {
  m_docks->showLayout(name);
}

void MainWindow::makeMenus() {
  m_recentMenu = fillMenus(*menuBar(), *m_actions, [this] {
    QList<QAction*> docks;
    for (QDockWidget* dock : findChildren<QDockWidget*>()) docks << dock->toggleViewAction();
    return docks;
  }());
  (*m_actions)["view.theme"]->setCheckable(true);
}

void MainWindow::makeStatusBar() {
  m_status = new QLabel(this);
  m_progress = new QProgressBar(this);
  m_progress->setMaximumWidth(180);
  m_progress->setRange(0, 100);
  auto* stop = new QToolButton(this);
  stop->setText(tr("Stop"));
  statusBar()->addWidget(m_status, 1);
  statusBar()->addPermanentWidget(m_progress);
  statusBar()->addPermanentWidget(stop);
  connect(stop, &QToolButton::clicked, this, [this] { m_jobs.cancelAll(); });
  connect(&m_jobs, &JobBoard::changed, stop, [this, stop] { stop->setVisible(m_jobs.busy()); });
  stop->hide();
  m_progress->hide();
}

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

RecordDialog& MainWindow::showRecord() {
  m_record->show();
  m_record->raise();
  m_record->activateWindow();
  return *m_record;
}

// In the project where there is one, else in the user's settings, at once: a crash loses nothing.
void MainWindow::keepState(const char* key, const QString& value) {
  if (!m_opener.keepState(key, value.toStdString()))
    m_settings->setValue(QLatin1String(key), value);
}

void MainWindow::measure() {
  showLayout(QStringLiteral("measure"));
  m_docks->measure().session().measure();
}

void MainWindow::open(const QStringList& paths) {
  m_opener.open(paths, Workspace::OpenMode::kReplace);
}

void MainWindow::chooseFiles(Workspace::OpenMode mode) {
  const QStringList paths =
      QFileDialog::getOpenFileNames(this, tr("Open"), {},
                                    tr("Traces, recordings, documents, projects (*.json *.json.gz "
                                       "*.gz *.sqlite *.caracal);;All files (*)"));
  m_opener.open(paths, mode);
}

void MainWindow::chooseFolder() {
  const QString folder = QFileDialog::getExistingDirectory(this, tr("Open a folder of traces"));
  if (!folder.isEmpty()) open({folder});
}

void MainWindow::savePicture() {
  const QString path =
      QFileDialog::getSaveFileName(this, tr("Save the timeline as a picture"),
                                   QStringLiteral("timeline.png"), tr("Pictures (*.png *.svg)"));
  if (path.isEmpty()) return;
  RenderOptions options;
  options.theme = m_theme;
  options.width = std::max(800, m_timelineWidget->width());
  options.fromNs = m_timeline.view().span().beginNs;
  options.toNs = m_timeline.view().span().endNs;
  const bool svg = path.endsWith(QLatin1String(".svg"), Qt::CaseInsensitive);
  const auto written = svg ? writeTimelineSvg(m_timeline.scene(), options, path)
                           : writeTimelinePng(m_timeline.scene(), options, path);
  if (!written) showError(QString::fromStdString(written.error().text()));
}

void MainWindow::foldSteps() {
  if (m_timeline.scene().folded) return m_workspace.unfold();
  std::vector<size_t> steps = m_steps->chosen();
  if (steps.size() < 2) {
    steps.resize(m_steps->bars().lengthsNs.size());
    std::iota(steps.begin(), steps.end(), size_t{0});
  }
  m_workspace.foldSteps({m_steps->run(), std::move(steps)});
}

void MainWindow::showExport() {
  if (!m_session.ready()) return;
  auto* dialog = new ExportDialog(m_jobs, m_session, m_theme, this);
  connect(dialog, &ExportDialog::exported, this,
          [this](const QString& folder) { showNotice(tr("Exported to %1").arg(folder)); });
  dialog->open();
}

void MainWindow::showRuns() {
  const bool any = !m_workspace.runs().empty() || m_workspace.prediction();
  m_centre->setCurrentIndex(any ? 1 : 0);
  QStringList names;
  for (const RunPtr& run : m_workspace.runs()) names << QString::fromStdString(run->name);
  setWindowTitle(names.isEmpty() ? tr("Caracal")
                                 : tr("%1 \u2014 Caracal").arg(names.join(QStringLiteral(", "))));
}

void MainWindow::showPrediction() {
  const auto& evaluation = m_session.evaluation();
  if (!evaluation || !evaluation->result || !evaluation->result->trace) return;
  const std::string name =
      tr("predicted: %1").arg(QString::fromStdString(m_session.plan().policy)).toStdString();
  m_workspace.setPrediction(name, evaluation->result->trace);
}

void MainWindow::showJobs() {
  m_progress->setVisible(m_jobs.busy());
  m_status->setText(m_jobs.phase());
  if (m_jobs.busy()) m_progress->setValue(static_cast<int>(m_jobs.fraction() * 100));
}

void MainWindow::showError(const QString& words) {
  m_errors->show(words, ErrorBar::Severity::kError);
}

void MainWindow::showNotice(const QString& words) {
  m_errors->show(words, ErrorBar::Severity::kNotice);
  statusBar()->showMessage(words, kNoticeMs);
}

void MainWindow::setTheme(ThemeKind kind) {
  m_theme = kind;
  setThemeSetting(*m_settings, kind);
  applyTheme(*qobject_cast<QApplication*>(QCoreApplication::instance()), kind);
  m_timelineWidget->setTheme(kind);
  m_legend->setTheme(kind);
  m_errors->setTheme(kind);
  m_steps->setTheme(kind);
  m_minimap->setTheme(kind);
  m_docks->setTheme(kind);
  m_record->setTheme(kind);
  (*m_actions)["view.theme"]->setChecked(kind == ThemeKind::kDark);
}

void MainWindow::fillRecent() {
  const QList<QStringList> recent = recentFiles(*m_settings);
  m_empty->setRecent(recent);
  m_recentMenu->clear();
  m_recentMenu->setEnabled(!recent.isEmpty());
  for (const QStringList& paths : recent) {
    const QString more = paths.size() > 1
                             ? tr(" and %n more", nullptr, static_cast<int>(paths.size()) - 1)
                             : QString();
    connect(m_recentMenu->addAction(paths.front() + more), &QAction::triggered, this,
            [this, paths] { open(paths); });
  }
}

void MainWindow::restore() {
  fillRecent();
  m_docks->measure().session().setSettings(
      measureSettingsFromJson(m_settings->value(QLatin1String(kMeasureState)).toString()));
  m_record->setSettings(
      recordSettingsFromJson(m_settings->value(QLatin1String(kRecordState)).toString()));
  restoreGeometry(m_settings->value(kGeometryKey).toByteArray());
  restoreState(m_settings->value(kDocksKey).toByteArray());
  setTheme(themeSetting(*m_settings, desktopTheme()));
}

void MainWindow::closeEvent(QCloseEvent* event) {
  m_settings->setValue(kGeometryKey, saveGeometry());
  m_settings->setValue(kDocksKey, saveState());
  event->accept();
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
  if (event->mimeData()->hasUrls()) event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
  QStringList paths;
  for (const QUrl& url : event->mimeData()->urls()) {
    if (url.isLocalFile()) paths << url.toLocalFile();
  }
  // Onto an empty window: open. Onto a run: set beside it.
  const bool empty = m_workspace.runs().empty();
  m_opener.open(paths, empty ? Workspace::OpenMode::kReplace : Workspace::OpenMode::kAdd);
  event->acceptProposedAction();
}

}  // namespace caracal::ui
