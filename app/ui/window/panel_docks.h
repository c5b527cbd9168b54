// The panels around the timeline: made here, docked in the window, arranged by named layouts.
#pragma once

#include <QObject>
#include <QString>

#include "app/ui/theme/palette.h"

class QDockWidget;
class QMainWindow;
class QWidget;

namespace caracal::ui {

class ComparePanel;
class DetailsPanel;
class JobBoard;
class MeasurePanel;
class PlanPanel;
class PlanSession;
class QualityPanel;
class StagesPanel;
class TablePanel;
class TimelineController;
class Workspace;

class PanelDocks : public QObject {
  Q_OBJECT
 public:
  // What panels show; everything must outlive the window.
  struct Sources {
    JobBoard& jobs;
    Workspace& workspace;
    TimelineController& timeline;
    PlanSession& session;
  };
  PanelDocks(QMainWindow& window, const Sources& sources);

  DetailsPanel& details() { return *m_details; }
  PlanPanel& plan() { return *m_plan; }
  MeasurePanel& measure() { return *m_measure; }
  void setTheme(ThemeKind kind);
  // Raises the docks of a named layout: "analyse", "plan", "measure", "compare".
  void showLayout(const QString& name);
  // Brings one panel to the front: "collectives", "clocks", ... False: there is none of that name.
  bool raise(const QString& id);
  // Their ids, in the order of the tabs.
  QStringList ids() const { return m_ids; }

 signals:
  void failed(const QString& words);

 private:
  void addBelow(const QString& id, const QString& title, QWidget* content);
  QDockWidget* add(const QString& id, const QString& title, QWidget* content,
                   Qt::DockWidgetArea area);
  QDockWidget* dock(const QString& id) const;
  TablePanel* tables(std::vector<std::string_view> names);

  QMainWindow& m_window;
  Sources m_sources;
  QStringList m_ids;
  QDockWidget* m_last = nullptr;  // of those below the timeline
  DetailsPanel* m_details;
  StagesPanel* m_stages;
  QualityPanel* m_quality;
  PlanPanel* m_plan;
  MeasurePanel* m_measure;
  ComparePanel* m_compare;
};

}  // namespace caracal::ui
