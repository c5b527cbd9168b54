// Panels about the runs that are open: details of the selected block, figures of the selected
// range, stages, data quality. Each is a table that follows the workspace and the timeline.
#pragma once

#include <QWidget>

#include "app/ui/panels/figure_table.h"
#include "app/ui/theme/palette.h"
#include "app/ui/workspace/workspace.h"
#include "core/analysis/figures.h"

class QLabel;

namespace caracal::ui {

class DetailsPanel : public QWidget {
  Q_OBJECT
 public:
  explicit DetailsPanel(TimelineController& timeline, QWidget* parent = nullptr);
  void copy() const { m_table->copy(); }

 private:
  void refresh();
  TimelineController& m_timeline;
  FigureTableView* m_table;
  QLabel* m_hint;
};

// Device figures of the selected range, or of the whole run; computed as a job, the same numbers as
// `caracal analyze`.
class FiguresPanel : public QWidget {
  Q_OBJECT
 public:
  FiguresPanel(JobBoard& jobs, Workspace& workspace, TimelineController& timeline,
               QWidget* parent = nullptr);

 private:
  void refresh();
  Workspace& m_workspace;
  TimelineController& m_timeline;
  JobSlot m_slot;
  FigureTableView* m_table;
  QLabel* m_caption;
};

class StagesPanel : public QWidget {
  Q_OBJECT
 public:
  explicit StagesPanel(Workspace& workspace, QWidget* parent = nullptr);
  void setTheme(ThemeKind kind);

 private:
  void refresh();
  Workspace& m_workspace;
  FigureTableView* m_table;
  QLabel* m_caption;
  ThemeKind m_theme = ThemeKind::kLight;
};

class QualityPanel : public QWidget {
  Q_OBJECT
 public:
  explicit QualityPanel(Workspace& workspace, QWidget* parent = nullptr);
  void setTheme(ThemeKind kind);

 private:
  void refresh();
  Workspace& m_workspace;
  FigureTableView* m_table;
  QLabel* m_caption;
  ThemeKind m_theme = ThemeKind::kLight;
};

}  // namespace caracal::ui
