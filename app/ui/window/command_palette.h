// Ctrl+Shift+P: type a few letters of any action, Enter runs it.
#pragma once

#include <QDialog>

class QLineEdit;
class QListWidget;

namespace caracal::ui {

class ActionBook;

class CommandPalette : public QDialog {
  Q_OBJECT
 public:
  // `actions` must outlive the dialog.
  explicit CommandPalette(ActionBook& actions, QWidget* parent = nullptr);

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void filter(const QString& text);
  void run();

  ActionBook& m_actions;
  QLineEdit* m_input;
  QListWidget* m_list;
};

}  // namespace caracal::ui
