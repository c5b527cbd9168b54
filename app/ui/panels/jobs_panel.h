// What runs in the background, with progress and a way to stop it.
#pragma once

#include <QWidget>

namespace caracal::ui {

class JobBoard;

class JobsPanel : public QWidget {
  Q_OBJECT
 public:
  // `jobs` must outlive the panel.
  explicit JobsPanel(JobBoard& jobs, QWidget* parent = nullptr);
};

}  // namespace caracal::ui
