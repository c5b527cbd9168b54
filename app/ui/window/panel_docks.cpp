#include "app/ui/window/panel_docks.h"

#include <QDockWidget>
#include <QMainWindow>

#include "app/ui/measure/measure_panel.h"
#include "app/ui/panels/hits_panel.h"
#include "app/ui/panels/jobs_panel.h"
#include "app/ui/panels/run_panels.h"
#include "app/ui/panels/table_panel.h"
#include "app/ui/plan/compare_panel.h"
#include "app/ui/plan/plan_panel.h"

namespace caracal::ui {

PanelDocks::PanelDocks(QMainWindow& window, const Sources& sources)
    : QObject(&window),
      m_window(window),
      m_sources(sources),
      m_details(new DetailsPanel(sources.timeline, &window)),
      m_stages(new StagesPanel(sources.workspace, &window)),
      m_quality(new QualityPanel(sources.workspace, &window)),
      m_plan(new PlanPanel(sources.session, &window)),
      m_measure(new MeasurePanel(sources.jobs, sources.workspace, sources.session, &window)),
      m_compare(new ComparePanel(sources.workspace, sources.session, &window)) {
  add(QStringLiteral("details"), tr("Details"), m_details, Qt::RightDockWidgetArea);
  addBelow(QStringLiteral("figures"), tr("Figures"),
           new FiguresPanel(sources.jobs, sources.workspace, sources.timeline, &window));
  addBelow(QStringLiteral("stages"), tr("Stages"), m_stages);
  addBelow(QStringLiteral("collectives"), tr("Collectives"),
           tables({"collective-calls", "collectives"}));
  addBelow(QStringLiteral("clocks"), tr("Clocks"), tables({"clock"}));
  addBelow(QStringLiteral("tables"), tr("Tables"), tables(TablePanel::everyName()));
  addBelow(QStringLiteral("hits"), tr("Search results"), new HitsPanel(sources.timeline, &window));
  addBelow(QStringLiteral("plan"), tr("Plan"), m_plan);
  addBelow(QStringLiteral("measure"), tr("Measure"), m_measure);
  addBelow(QStringLiteral("compare"), tr("Compare"), m_compare);
  addBelow(QStringLiteral("quality"), tr("Data quality"), m_quality);
  addBelow(QStringLiteral("jobs"), tr("Jobs"), new JobsPanel(sources.jobs, &window));
  window.setTabPosition(Qt::BottomDockWidgetArea, QTabWidget::North);
  showLayout(QStringLiteral("analyse"));
}

TablePanel* PanelDocks::tables(std::vector<std::string_view> names) {
  Workspace& workspace = m_sources.workspace;
  auto* panel = new TablePanel(std::move(names), m_sources.jobs, workspace, &m_window);
  connect(panel, &TablePanel::eventChosen, &workspace, &Workspace::reveal);
  connect(panel, &TablePanel::failed, this, &PanelDocks::failed);
  return panel;
}

QDockWidget* PanelDocks::add(const QString& id, const QString& title, QWidget* content,
                             Qt::DockWidgetArea area) {
  auto* made = new QDockWidget(title, &m_window);
  made->setObjectName(id);
  made->setWidget(content);
  m_window.addDockWidget(area, made);
  m_ids << id;
  return made;
}

void PanelDocks::addBelow(const QString& id, const QString& title, QWidget* content) {
  QDockWidget* made = add(id, title, content, Qt::BottomDockWidgetArea);
  if (m_last != nullptr) m_window.tabifyDockWidget(m_last, made);
  m_last = made;
}

QDockWidget* PanelDocks::dock(const QString& id) const {
  return m_window.findChild<QDockWidget*>(id);
}

bool PanelDocks::raise(const QString& id) {
  if (!m_ids.contains(id)) return false;
  dock(id)->show();
  dock(id)->raise();
  return true;
}

void PanelDocks::showLayout(const QString& name) {
  const bool tall = name == QLatin1String("plan") || name == QLatin1String("measure");
  const bool analyse = !tall && name != QLatin1String("compare");
  dock(QStringLiteral("details"))->setVisible(analyse);
  const QString front = analyse ? QStringLiteral("figures") : name;
  raise(front);
  m_window.resizeDocks({dock(front)}, {tall ? m_window.height() * 2 / 5 : m_window.height() / 4},
                       Qt::Vertical);
  if (analyse) m_window.resizeDocks({dock(QStringLiteral("details"))}, {340}, Qt::Horizontal);
}

void PanelDocks::setTheme(ThemeKind kind) {
  m_stages->setTheme(kind);
  m_quality->setTheme(kind);
  m_plan->setTheme(kind);
  m_measure->setTheme(kind);
  m_compare->setTheme(kind);
}

}  // namespace caracal::ui
