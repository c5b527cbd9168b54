// The search line above the timeline: a regular expression, the number of hits, next and previous.
#pragma once

#include <QWidget>

#include "app/ui/jobs/job_board.h"
#include "app/ui/timeline/search.h"

class QLabel;
class QLineEdit;

namespace caracal::ui {

class TimelineController;

class SearchBar : public QWidget {
  Q_OBJECT
 public:
  // Both must outlive the bar.
  SearchBar(JobBoard& jobs, TimelineController& controller, QWidget* parent = nullptr);
  void focusInput();

 signals:
  void left();  // Esc: the focus goes back to the timeline

 protected:
  void keyPressEvent(QKeyEvent* event) override;

 private:
  void search();
  void showCount();

  TimelineController& m_controller;
  JobSlot m_slot;
  QLineEdit* m_input;
  QLabel* m_count;
};

}  // namespace caracal::ui
