#include "app/runs/measured_policies.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include "core/plan/plan_json.h"
#include "core/planner/policy.h"
#include "core/planner/replay_error.h"
#include "core/profile/profile_json.h"

namespace caracal::runs {
namespace {

constexpr const char* kOwnPlan = "profiled";

// A policy's name as a file's: "uniform:2" becomes "uniform-2".
std::string fileName(std::string policy) {
  std::replace(policy.begin(), policy.end(), ':', '-');
  return policy;
}

// A plan that takes part in every round.
struct Runner {
  std::string name;  // the policy's, or kOwnPlan
  Prediction prediction;
  std::vector<Recording> recordings;  // one a round

  Result<Measurement> measurement(const std::stop_token& stop) const {
    std::vector<analysis::RecordedRun> runs;
    for (const Recording& recording : recordings)
      runs.push_back({recording.trace.get(), &recording.steps});
    return setBesidePrediction(prediction, runs, stop);
  }
};

bool sameWork(const plan::Plan& a, const plan::Plan& b) {
  if (a.schedule != b.schedule || a.stages.size() != b.stages.size()) return false;
  for (size_t s = 0; s < a.stages.size(); ++s) {
    if (a.stages[s].layers != b.stages[s].layers) return false;
  }
  return true;
}

class PolicyRounds {
 public:
  PolicyRounds(const PoliciesRequest& request, profile::Profile profile, const Watch& watch)
      : m_request(request), m_profile(std::move(profile)), m_watch(watch) {
    m_results.rounds = std::clamp(request.steps / 2, 1, std::max(request.rounds, 1));
  }

  Result<MeasuredPolicies> run() {
    for (const std::string& policy : m_request.policies) {
      if (auto planned = plan(policy); !planned) return tl::unexpected(at(planned.error(), policy));
    }
    CARACAL_CHECK_OK(planOwn());
    for (int round = 0; round < m_results.rounds; ++round) CARACAL_CHECK_OK(runRound(round));
    for (size_t i = 0; i < m_runners.size(); ++i) {
      CARACAL_TRY(measurement, m_runners[i].measurement(m_watch.stop));
      if (i == m_own) m_results.drift = driftOf(m_runners[i], measurement);
      for (MeasuredPolicy& result : m_results.policies) {
        if (result.policy == m_runners[i].name) result.measurement = measurement;
      }
    }
    return std::move(m_results);
  }

 private:
  Result<void> plan(const std::string& policy) {
    planner::PlanRequest wanted;
    wanted.policy = policy;
    wanted.budgetBytes = m_request.budgetBytes;
    CARACAL_TRY(outcome, planner::makePlan(m_profile, wanted, m_watch.stop));
    const bool fits = outcome.status != planner::PlanStatus::kInfeasible;
    m_results.policies.push_back({policy, fits, std::nullopt, outcome.smallestBudgetBytes});
    if (fits) return addRunner(policy, std::move(outcome.plan));
    if (!planner::ignoresBudget(policy)) return {};
    wanted.budgetBytes = std::numeric_limits<int64_t>::max();
    CARACAL_TRY(unlimited, planner::makePlan(m_profile, wanted, m_watch.stop));
    return addRunner(policy, std::move(unlimited.plan));
  }

  // The plan of the profile's own run, unless one of the policies has made it.
  Result<void> planOwn() {
    CARACAL_TRY(own, planner::observedPlan(m_profile, m_watch.stop));
    if (!own) return {};
    const auto same = std::find_if(m_runners.begin(), m_runners.end(), [&](const Runner& runner) {
      return sameWork(runner.prediction.plan, *own);
    });
    m_own = static_cast<size_t>(same - m_runners.begin());
    if (same != m_runners.end()) return {};
    return addRunner(kOwnPlan, std::move(*own));
  }

  Result<void> addRunner(const std::string& name, plan::Plan plan) {
    CARACAL_CHECK_OK(plan::savePlan(plan, m_profile, planPath(name)));
    CARACAL_TRY(simulated,
                sim::simulate(m_profile, plan, {sim::TraceDetail::kOperators}, m_watch.stop));
    m_runners.push_back({name, {m_profile, std::move(plan), std::move(simulated)}, {}});
    return {};
  }

  Result<void> runRound(int round) {
    for (size_t i = 0; i < m_runners.size(); ++i) {
      if (m_watch.stop.stop_requested())
        return fail(ErrorCode::kCancelled, "stopped; what was recorded is in {}", m_request.folder);
      Runner& runner = m_runners[round % 2 == 0 ? i : m_runners.size() - 1 - i];
      Watch watch = m_watch;
      watch.progress = [&](double fraction, std::string_view phase) {
        const double all =
            (round * static_cast<double>(m_runners.size()) + static_cast<double>(i) + fraction) /
            (m_results.rounds * static_cast<double>(m_runners.size()));
        report(
            m_watch.progress, all,
            fmt::format("round {} of {}, {}: {}", round + 1, m_results.rounds, runner.name, phase));
      };
      auto recording = record(jobOf(runner.name, round), m_profile, watch);
      if (!recording) return tl::unexpected(at(recording.error(), runner.name));
      runner.recordings.push_back(std::move(*recording));
    }
    return {};
  }

  MeasureJob jobOf(const std::string& name, int round) const {
    MeasureJob job;
    job.profile = m_request.profile;
    job.plan = planPath(name);
    const std::string ending =
        m_results.rounds == 1 ? ".sqlite" : fmt::format(".round{}.sqlite", round + 1);
    job.recording = (std::filesystem::path(m_request.folder) / (fileName(name) + ending)).string();
    job.clock = m_request.clock;
    job.steps =
        m_request.steps / m_results.rounds + (round < m_request.steps % m_results.rounds ? 1 : 0);
    job.backend = m_request.backend;
    return job;
  }

  std::string planPath(const std::string& name) const {
    return (std::filesystem::path(m_request.folder) / (fileName(name) + ".plan.json")).string();
  }

  // A note says that the machine is another one: no drift of the one that was profiled.
  std::optional<MachineDrift> driftOf(const Runner& own, const Measurement& measurement) const {
    if (!measurement.note.empty()) return std::nullopt;
    MachineDrift drift{m_profile.observedStepNs, measurement.measured.stepNs, {}};
    for (const Recording& recording : own.recordings)
      drift.roundsNs.push_back(analysis::summarizeRun(*recording.trace, recording.steps).stepNs);
    return drift;
  }

  const PoliciesRequest& m_request;
  const profile::Profile m_profile;
  const Watch& m_watch;
  std::vector<Runner> m_runners;
  size_t m_own = std::numeric_limits<size_t>::max();  // in m_runners
  MeasuredPolicies m_results;
};

}  // namespace

double driftPct(const MachineDrift& drift) {
  return analysis::changePct(drift.profiledNs, drift.nowNs);
}

double errorWithoutDriftPct(const MachineDrift& drift, const Measurement& measurement) {
  const double now = 1 + driftPct(drift) / 100;
  const double predictedNs = now * static_cast<double>(measurement.predicted.stepNs);
  return errorPct(std::llround(predictedNs), measurement.measured.stepNs);
}

Result<void> savePlanOfLeastMemory(const profile::Profile& profile, const std::string& policy,
                                   const std::string& path, const std::stop_token& stop) {
  planner::PlanRequest request;
  request.policy = policy;
  request.budgetBytes = 1;
  CARACAL_TRY(tooTight, planner::makePlan(profile, request, stop));
  request.budgetBytes = tooTight.smallestBudgetBytes;
  CARACAL_TRY(outcome, planner::makePlan(profile, request, stop));
  return plan::savePlan(outcome.plan, profile, path);
}

Result<MeasuredPolicies> measurePolicies(const PoliciesRequest& request, const Watch& watch) {
  std::error_code error;
  std::filesystem::create_directories(request.folder, error);
  if (error)
    return fail(ErrorCode::kIo, "cannot make the folder {}: {}", request.folder, error.message());
  CARACAL_TRY(profile, profile::loadProfile(request.profile));
  return PolicyRounds(request, std::move(profile), watch).run();
}

}  // namespace caracal::runs
