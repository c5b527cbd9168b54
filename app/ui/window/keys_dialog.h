// "?": every action with its keys, which can be changed here, and the gestures of the mouse.
#pragma once

#include <QDialog>

class QLineEdit;
class QTableWidget;

namespace caracal::ui {

class ActionBook;

class KeysDialog : public QDialog {
  Q_OBJECT
 public:
  // `actions` must outlive the dialog.
  explicit KeysDialog(ActionBook& actions, QWidget* parent = nullptr);

 signals:
  void keysChanged();

 private:
  void fill();
  void edit(int row);

  ActionBook& m_actions;
  QTableWidget* m_table;
};

}  // namespace caracal::ui
