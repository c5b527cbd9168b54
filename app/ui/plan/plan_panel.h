// The plan panel: policy, budget, partition, operators of a layer, and what the plan comes to.
// Shows the session and turns input into its edits; starts nothing itself but asks for it by
// signals.
#pragma once

#include <QWidget>

#include "app/ui/plan/plan_session.h"
#include "app/ui/theme/palette.h"

class QComboBox;
class QLabel;

namespace caracal::ui {

class FigureTableView;
class MemoryChart;
class OperatorTableModel;
class PartitionBar;
class PlanControls;

class PlanPanel : public QWidget {
  Q_OBJECT
 public:
  // `session` must outlive the panel.
  explicit PlanPanel(PlanSession& session, QWidget* parent = nullptr);
  void setTheme(ThemeKind kind);

 signals:
  void measureRequested();
  void exportRequested();
  void compareRequested();

 private:
  QWidget* makeOperators();
  QWidget* makeResult();
  void connectSession();
  void showProfile();
  void showPlan();
  void showEvaluation();
  void showSearch();
  void showOutcome(const planner::PlanOutcome& outcome);
  void fillLayers();
  QStringList stageNames() const;  // as the choice of layers lists them
  void showProblem(const QString& words);

  PlanSession& m_session;
  PlanControls* m_controls;
  PartitionBar* m_partition;
  QComboBox* m_stage;
  QComboBox* m_layer;
  OperatorTableModel* m_operators;
  QLabel* m_words;
  QLabel* m_search;
  QLabel* m_problem;
  FigureTableView* m_prediction;
  MemoryChart* m_memory;
  ThemeKind m_theme = ThemeKind::kLight;
};

}  // namespace caracal::ui
