// The measure panel: choices and the command they make, the run while it goes on, and the
// measurement beside its prediction.
#pragma once

#include <QWidget>

#include "app/ui/measure/calibrator.h"
#include "app/ui/measure/measure_session.h"
#include "app/ui/theme/palette.h"

class QLabel;
class QPlainTextEdit;
class QPushButton;
class QTabWidget;

namespace caracal::ui {

class CalibrationView;
class CommandLineBox;
class FiguresView;
class MeasureForm;
class PassesView;

class MeasurePanel : public QWidget {
  Q_OBJECT
 public:
  // All three must outlive the panel.
  MeasurePanel(JobBoard& jobs, Workspace& workspace, PlanSession& plan, QWidget* parent = nullptr);
  void setTheme(ThemeKind kind);

  MeasureSession& session() { return m_session; }
  Calibrator& calibrator() { return m_calibrator; }

 signals:
  void modelChosen(const QString& model, const QString& hardwareFile);
  void recordRequested();

 private:
  QWidget* makeChoices();
  QWidget* makeTabs();
  void connectSession();
  void showState();
  void showEnd(const RunOutcome& outcome);
  void showComparison();
  void reveal(trace::EventIndex measuredEvent);
  void say(const QString& words, bool isProblem = false);

  Workspace& m_workspace;
  PlanSession& m_plan;
  MeasureSession m_session;
  Calibrator m_calibrator;
  MeasureForm* m_form;
  QPushButton* m_measure;
  QPushButton* m_stop;
  QLabel* m_words;
  CommandLineBox* m_command;
  QTabWidget* m_tabs;
  LivePlot* m_live;
  FiguresView* m_figures;
  PassesView* m_passes;
  QPlainTextEdit* m_output;
  CalibrationView* m_calibration;
  bool m_wordsAreProblem = false;
  ThemeKind m_theme = ThemeKind::kLight;
};

}  // namespace caracal::ui
