#include "app/ui/window/main_window.h"

#include <QApplication>
#include <QCloseEvent>
#include <QDockWidget>
#include <QDragEnterEvent>
#include <QFileDialog>
#include <QLabel>
#include <QMenuBar>
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
#include "app/ui/window/empty_state.h"
#include "app/ui/window/error_bar.h"
#include "app/ui/window/menus.h"
#include "app/ui/window/panel_docks.h"
#include "app/ui/window/settings.h"

namespace caracal::ui {
namespace {

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
  // Hidden, it must not keep the window from being low.
  m_empty->setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Ignored);
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
