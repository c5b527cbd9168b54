#include "app/ui/window/menus.h"

#include <QCoreApplication>
#include <QMenu>
#include <QMenuBar>
#include <string_view>

#include "app/ui/window/action_table.h"

namespace caracal::ui {
namespace {

QString tr(const char* text) {
  return QCoreApplication::translate("Menus", text);
}

void addGroup(QMenu& menu, const ActionBook& actions, std::string_view prefix) {
  for (const ActionSpec& spec : actionTable()) {
    if (std::string_view(spec.id).starts_with(prefix)) menu.addAction(actions[spec.id]);
  }
}

}  // namespace

QMenu* fillMenus(QMenuBar& bar, const ActionBook& actions, const QList<QAction*>& docks) {
  QMenu* file = bar.addMenu(tr("&File"));
  addGroup(*file, actions, "file.");
  auto* recent = new QMenu(tr("Open recent"), file);
  file->insertMenu(actions["file.closeAll"], recent);
  file->insertSeparator(actions["file.quit"]);
  addGroup(*bar.addMenu(tr("&Edit")), actions, "edit.");
  QMenu* view = bar.addMenu(tr("&View"));
  addGroup(*view, actions, "view.");
  view->addSeparator();
  addGroup(*view, actions, "layout.");
  view->addSeparator();
  view->addActions(docks);
  addGroup(*bar.addMenu(tr("&Measure")), actions, "measure.");
  QMenu* go = bar.addMenu(tr("&Go"));
  addGroup(*go, actions, "go.");
  go->addSeparator();
  addGroup(*go, actions, "mark.");
  addGroup(*bar.addMenu(tr("&Help")), actions, "help.");
  return recent;
}

}  // namespace caracal::ui
