// MainWindow: puts the pieces together and wires them; every piece works without it.
#pragma once

#include <QMainWindow>
#include <memory>

#include "app/ui/jobs/job_board.h"
#include "app/ui/plan/plan_session.h"
#include "app/ui/theme/palette.h"
#include "app/ui/timeline/timeline_controller.h"
#include "app/ui/workspace/opener.h"
#include "app/ui/workspace/workspace.h"

class QLabel;
class QMenu;
class QProgressBar;
class QSettings;
class QStackedWidget;

namespace caracal::ui {

class ActionBook;
class EmptyState;
class ErrorBar;
class Legend;
class Minimap;
class PanelDocks;
class RecordDialog;
class SearchBar;
class StepStrip;
class TimelineWidget;

class MainWindow : public QMainWindow {
  Q_OBJECT
 public:
  explicit MainWindow(std::unique_ptr<QSettings> settings, QWidget* parent = nullptr);
  ~MainWindow() override;

  // As if the user had opened them; what was there before goes.
  void open(const QStringList& paths);
  void setTheme(ThemeKind kind);

  // For tests and scripts.
  const Workspace& workspace() const { return m_workspace; }
  TimelineController& timeline() { return m_timeline; }
  PlanSession& plan() { return m_session; }
  const JobBoard& jobs() const { return m_jobs; }
  ErrorBar& errorBar() { return *m_errors; }
  PanelDocks& docks() { return *m_docks; }
  // Folds the chosen steps, or all; shows the whole run again when they are folded.
  void foldSteps();
  RecordDialog& showRecord();
  // Raises the docks of a named layout: "analyse", "plan", "measure", "compare".
  void showLayout(const QString& name);

 protected:
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dropEvent(QDropEvent* event) override;
  void closeEvent(QCloseEvent* event) override;

 private:
  void makeCentre();
  void makeDocks();
  void makeMenus();
  void makeStatusBar();
  void connectActions();
  void connectPieces();
  void chooseFiles(Workspace::OpenMode mode);
  void chooseFolder();
  void savePicture();
  void connectMeasuring();
  void measure();
  void connectRecording();
  void keepState(const char* key, const QString& value);
  void showExport();
  void showRuns();
  void showPrediction();
  void showJobs();
  void showError(const QString& words);
  void showNotice(const QString& words);
  void fillRecent();
  void restore();

  std::unique_ptr<QSettings> m_settings;
  JobBoard m_jobs;
  TimelineController m_timeline;
  Workspace m_workspace;
  PlanSession m_session;
  Opener m_opener;
  ThemeKind m_theme = ThemeKind::kLight;

  ActionBook* m_actions = nullptr;
  TimelineWidget* m_timelineWidget = nullptr;
  QStackedWidget* m_centre = nullptr;
  EmptyState* m_empty = nullptr;
  ErrorBar* m_errors = nullptr;
  SearchBar* m_search = nullptr;
  Legend* m_legend = nullptr;
  StepStrip* m_steps = nullptr;
  Minimap* m_minimap = nullptr;
  PanelDocks* m_docks = nullptr;
  RecordDialog* m_record = nullptr;
  QMenu* m_recentMenu = nullptr;
  QLabel* m_status = nullptr;
  QProgressBar* m_progress = nullptr;
};

}  // namespace caracal::ui
