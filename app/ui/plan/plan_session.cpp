#include "app/ui/plan/plan_session.h"

#include <QUndoCommand>

#include "app/ui/plan/plan_edits.h"

namespace caracal::ui {

class PlanEdit : public QUndoCommand {
 public:
  PlanEdit(PlanSession& session, plan::Plan before, plan::Plan after, const QString& words)
      : QUndoCommand(words),
        m_session(session),
        m_before(std::move(before)),
        m_after(std::move(after)) {}
  void undo() override { m_session.setPlan(m_before); }
  void redo() override { m_session.setPlan(m_after); }

 private:
  PlanSession& m_session;
  plan::Plan m_before;
  plan::Plan m_after;
};

namespace {

// Numbers behind "uniform:N" and "block:N" that the comparison tries: all layers of a stage in one
// unit, and half of them.
std::vector<std::string> policiesToTry(const plan::Plan& plan) {
  std::vector<std::string> names;
  int32_t layers = 1;
  for (const plan::StagePlan& stage : plan.stages) layers = std::max(layers, stage.layerCount());
  for (const planner::PolicyInfo& policy : planner::policies()) {
    std::string name(policy.name);
    if (name.ends_with(":N"))
      name.replace(name.size() - 1, 1, std::to_string(std::max(1, layers / 2)));
    names.push_back(std::move(name));
  }
  return names;
}

Result<PolicyTrial> tryPolicy(const profile::Profile& profile, planner::PlanRequest request,
                              std::stop_token stop) {
  PolicyTrial trial;
  trial.policy = request.policy;
  auto outcome = planner::makePlan(profile, request, stop);
  if (!outcome) {
    if (outcome.error().code == ErrorCode::kCancelled) return tl::unexpected(outcome.error());
    trial.problem = outcome.error().text();
    return trial;
  }
  trial.outcome = std::move(*outcome);
  auto result = sim::simulate(profile, trial.outcome.plan, {}, stop);
  if (result) {
    trial.result = std::move(*result);
  } else if (result.error().code == ErrorCode::kCancelled) {
    return tl::unexpected(result.error());
  } else {
    trial.problem = result.error().text();
  }
  return trial;
}

}  // namespace

Result<plan::Plan> startingPlan(const profile::Profile& profile) {
  planner::PlanRequest request;
  request.policy = "none";
  CARACAL_TRY(outcome, planner::makePlan(profile, request));
  return withBudget(std::move(outcome.plan), profile.memory.capacityBytes);
}

PlanSession::PlanSession(JobBoard& jobs, QObject* parent)
    : QObject(parent), m_planJob(jobs), m_evaluateJob(jobs), m_trialJob(jobs) {}

void PlanSession::setProfile(ProfilePtr profile, std::optional<plan::Plan> plan) {
  m_planJob.cancel();
  m_evaluateJob.cancel();
  m_trialJob.cancel();
  m_undo.clear();
  m_trials.clear();
  m_evaluation.reset();
  m_plan.reset();
  m_profile = std::move(profile);
  if (m_profile && !plan) {
    auto start = startingPlan(*m_profile);
    if (!start) emit failed(QString::fromStdString(start.error().text()));
    if (start) plan = std::move(*start);
  }
  emit profileChanged();
  if (plan) setPlan(*plan);
}

int64_t PlanSession::budgetBytes() const {
  return ready() && !m_plan->stages.empty() ? m_plan->stages.front().budgetBytes : 0;
}

void PlanSession::edit(const plan::Plan& plan, const QString& words) {
  if (!ready() || plan == *m_plan) return;
  m_undo.push(new PlanEdit(*this, *m_plan, plan, words));
}

void PlanSession::setPlan(const plan::Plan& plan) {
  m_plan = plan;
  emit planChanged();
  evaluate();
}

void PlanSession::evaluate() {
  m_evaluateJob.start<Evaluation>(
      tr("Simulate the plan"),
      [profile = m_profile, plan = *m_plan, before = m_evaluation](std::stop_token stop,
                                                                   const Progress&) {
        return evaluatePlan(*profile, plan, before.get(), stop);
      },
      [this](Result<Evaluation> evaluation) {
        if (!evaluation) return;  // cancelled in the jobs panel: the last figures stay
        m_evaluation = std::make_shared<const Evaluation>(std::move(*evaluation));
        emit evaluated();
      });
}

void PlanSession::requestPlan(const planner::PlanRequest& request) {
  if (!m_profile) return;
  m_planJob.start<planner::PlanOutcome>(
      tr("Plan %1").arg(QString::fromStdString(request.policy)),
      [profile = m_profile, request](std::stop_token stop, const Progress& progress) {
        return planner::makePlan(*profile, request, stop, progress);
      },
      [this](Result<planner::PlanOutcome> outcome) {
        if (!outcome) {
          const bool stopped = outcome.error().code == ErrorCode::kCancelled;
          emit failed(stopped ? tr("Planning was stopped.")
                              : QString::fromStdString(outcome.error().text()));
          return;
        }
        m_outcome = *outcome;
        edit(outcome->plan, tr("plan %1").arg(QString::fromStdString(outcome->plan.policy)));
        emit planned(*outcome);
      });
}

void PlanSession::tryPolicies() {
  if (!ready()) return;
  planner::PlanRequest request;
  request.budgetBytes = budgetBytes();
  request.partition = planner::PartitionMode::kGiven;
  request.layersOfStage = m_plan->partition();
  request.schedule = m_plan->schedule;
  using Trials = std::vector<PolicyTrial>;
  m_trialJob.start<Trials>(
      tr("Compare policies"),
      [profile = m_profile, request, names = policiesToTry(*m_plan)](
          std::stop_token stop, const Progress& progress) -> Result<Trials> {
        Trials trials;
        for (const std::string& name : names) {
          report(progress, static_cast<double>(trials.size()) / static_cast<double>(names.size()),
                 name);
          planner::PlanRequest one = request;
          one.policy = name;
          CARACAL_TRY(trial, tryPolicy(*profile, one, stop));
          trials.push_back(std::move(trial));
        }
        return trials;
      },
      [this](Result<Trials> trials) {
        if (!trials) return;
        m_trials = std::move(*trials);
        emit trialsReady();
      });
}

}  // namespace caracal::ui
