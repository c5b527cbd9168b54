// The menu bar, filled from the action table by the first part of each id.
#pragma once

#include <QList>

class QAction;
class QMenu;
class QMenuBar;

namespace caracal::ui {

class ActionBook;

// `docks`: the entries that show and hide docks. Returns the menu of recent files, to be filled.
QMenu* fillMenus(QMenuBar& bar, const ActionBook& actions, const QList<QAction*>& docks);

}  // namespace caracal::ui
