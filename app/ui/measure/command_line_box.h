// A command that can be read and copied whole, such as the one a button runs.
#pragma once

#include <QWidget>

class QLabel;
class QPlainTextEdit;
class QPushButton;

namespace caracal::ui {

class CommandLineBox : public QWidget {
  Q_OBJECT
 public:
  explicit CommandLineBox(QWidget* parent = nullptr);
  void setCommand(const QString& command);
  // Why there is none.
  void setProblem(const QString& words);
  QString command() const { return m_command; }

 private:
  QString m_command;
  QPlainTextEdit* m_text;
  QPushButton* m_copy;
};

}  // namespace caracal::ui
