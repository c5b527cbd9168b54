// What a plan is asked for: policy, budget, schedule and partition, and what to do with it.
#pragma once

#include <QWidget>
#include <cstdint>

#include "app/ui/plan/plan_session.h"

class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;

namespace caracal::ui {

class PlanControls : public QWidget {
  Q_OBJECT
 public:
  // `session` must outlive the controls.
  explicit PlanControls(PlanSession& session, QWidget* parent = nullptr);
  // The session's profile, or that there is none, and what can be done with it.
  void showProfile();
  // The budget and schedule of the session's plan.
  void showPlan();

 signals:
  void measureRequested();
  void exportRequested();
  void compareRequested();
  void problem(const QString& words);  // what was typed cannot be planned

 private:
  void requestPlan();
  void commitBudget();
  bool commitSchedule();        // false: the schedule cannot run this job, said in words
  int64_t typedBudget() const;  // -1: not a size

  PlanSession& m_session;
  QLabel* m_profile;
  QComboBox* m_policy;
  QLineEdit* m_budget;
  QComboBox* m_schedule;
  QComboBox* m_partitionMode;
  QPushButton* m_plan;
  QPushButton* m_measure;
  QPushButton* m_export;
};

}  // namespace caracal::ui
