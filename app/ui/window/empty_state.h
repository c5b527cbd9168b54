// What the window shows when nothing is open: what to do.
#pragma once

#include <QWidget>

class QVBoxLayout;

namespace caracal::ui {

class EmptyState : public QWidget {
  Q_OBJECT
 public:
  explicit EmptyState(QWidget* parent = nullptr);
  void setRecent(const QList<QStringList>& recent);

 signals:
  void openRequested();
  void openFolderRequested();
  void recentRequested(const QStringList& paths);

 private:
  QVBoxLayout* m_recent;
};

}  // namespace caracal::ui
