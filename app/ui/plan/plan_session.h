// PlanSession: the plan under work for one profile. Edits go onto an undo stack; each is validated
// and simulated at once, off the GUI thread, and announced by evaluated(). GUI thread only.
#pragma once

#include <QObject>
#include <QUndoStack>
#include <memory>
#include <optional>
#include <vector>

#include "app/ui/jobs/job_board.h"
#include "app/ui/plan/evaluation.h"
#include "core/planner/policy.h"

namespace caracal::ui {

using ProfilePtr = std::shared_ptr<const profile::Profile>;

// A policy tried under the current budget and partition: a row of the compare table.
struct PolicyTrial {
  std::string policy;
  std::string problem;  // why there is no figure
  planner::PlanOutcome outcome;
  std::optional<sim::SimResult> result;
};

class PlanSession : public QObject {
  Q_OBJECT
 public:
  explicit PlanSession(JobBoard& jobs, QObject* parent = nullptr);

  // Starts over with this profile; `plan` empty: keep everything, even partition.
  void setProfile(ProfilePtr profile, std::optional<plan::Plan> plan = {});
  const ProfilePtr& profile() const { return m_profile; }
  bool ready() const { return m_profile && m_plan.has_value(); }
  // REQUIRES ready()
  const plan::Plan& plan() const { return *m_plan; }
  QUndoStack& undoStack() { return m_undo; }

  // A step of the undo stack called `words`. Nothing happens when the plan does not change.
  void edit(const plan::Plan& plan, const QString& words);
  // Asks the planner, as a job; its plan becomes an edit and planned() tells the outcome.
  void requestPlan(const planner::PlanRequest& request);
  bool planning() const { return m_planJob.running(); }
  void stopPlanning() { m_planJob.cancel(); }
  // Every policy with the plan's budget and partition; the rows come with trialsReady().
  void tryPolicies();
  // What the planner said of the plan under work; null when it was edited since, or by hand only.
  const planner::PlanOutcome* outcome() const {
    return m_outcome && m_plan && m_outcome->plan == *m_plan ? &*m_outcome : nullptr;
  }
  const std::vector<PolicyTrial>& trials() const { return m_trials; }

  // Of the current plan; null while it is being computed for the first time.
  const std::shared_ptr<const Evaluation>& evaluation() const { return m_evaluation; }
  int64_t budgetBytes() const;

 signals:
  void profileChanged();
  void planChanged();
  void evaluated();
  void planned(const caracal::planner::PlanOutcome& outcome);
  void trialsReady();
  void failed(const QString& words);

 private:
  friend class PlanEdit;
  void setPlan(const plan::Plan& plan);
  void evaluate();

  ProfilePtr m_profile;
  std::optional<plan::Plan> m_plan;
  std::shared_ptr<const Evaluation> m_evaluation;
  std::optional<planner::PlanOutcome> m_outcome;
  std::vector<PolicyTrial> m_trials;
  QUndoStack m_undo;
  JobSlot m_planJob;
  JobSlot m_evaluateJob;
  JobSlot m_trialJob;
};

// The plan that keeps everything, layers spread evenly, the device's memory as budget.
Result<plan::Plan> startingPlan(const profile::Profile& profile);

}  // namespace caracal::ui
