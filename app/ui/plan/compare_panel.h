// The compare panel: the plan's prediction and every annotated run side by side, and policies side
// by side under the current budget.
#pragma once

#include <QWidget>

#include "app/ui/plan/plan_session.h"
#include "app/ui/theme/palette.h"
#include "app/ui/workspace/workspace.h"

class QLabel;

namespace caracal::ui {

class FigureTableView;

class ComparePanel : public QWidget {
  Q_OBJECT
 public:
  // Both must outlive the panel.
  ComparePanel(Workspace& workspace, PlanSession& session, QWidget* parent = nullptr);
  void setTheme(ThemeKind kind);

 private:
  void refreshRuns();
  void refreshTrials();

  Workspace& m_workspace;
  PlanSession& m_session;
  QLabel* m_cautions;
  FigureTableView* m_runs;
  QLabel* m_trialCaption;
  FigureTableView* m_trials;
  ThemeKind m_theme = ThemeKind::kLight;
};

}  // namespace caracal::ui
