#include "app/ui/measure/measure_session.h"

#include <QDir>
#include <QFileInfo>
#include <algorithm>

#include "app/runs/program.h"
#include "app/runs/shell_words.h"
#include "app/ui/qt_text.h"
#include "core/plan/plan_json.h"
#include "core/profile/profile_json.h"

namespace caracal::ui {
namespace {

// For the step that runs when the user stops.
constexpr std::chrono::milliseconds kGrace{5000};

Result<bool> writeDocuments(const profile::Profile& profile, const plan::Plan& plan,
                            const MeasureFiles& files) {
  const QString folder = QFileInfo(files.recording).path();
  if (!QDir().mkpath(folder))
    return fail(ErrorCode::kIo, "the folder {} cannot be made; choose another one",
                folder.toStdString());
  CARACAL_CHECK_OK(profile::saveProfile(profile, files.profile.toStdString()));
  CARACAL_CHECK_OK(plan::savePlan(plan, profile, files.plan.toStdString()));
  return true;
}

Result<ComparedRun> compareRun(const profile::Profile& profile, const plan::Plan& plan,
                               const LoadedRun& run, const std::stop_token& stop) {
  if (!run.model)
    return fail(ErrorCode::kCannotAnswer, "the recording cannot be compared: {}", run.whyNoModel);
  CARACAL_TRY(result, sim::simulate(profile, plan, {sim::TraceDetail::kOperators}, stop));
  CARACAL_TRY(measurement, runs::setBesidePrediction({profile, plan, std::move(result)},
                                                     {{run.trace.get(), &*run.model}}, stop));
  ComparedRun compared{std::move(measurement), std::nullopt,
                       run.paths.empty() ? QString() : toQt(run.paths.front())};
  // A prediction that was made anew has no baseline but this run.
  if (!compared.measurement.note.empty()) return compared;
  CARACAL_TRY(replay, planner::replayError(profile, stop));
  compared.replay = replay;
  return compared;
}

ExpectedRun expectedOf(const PlanSession& session, int steps) {
  ExpectedRun expected;
  expected.steps = steps;
  expected.budgetBytes = session.budgetBytes();
  const auto& evaluation = session.evaluation();
  if (!evaluation || !evaluation->result) return expected;
  expected.predictedStepNs = evaluation->result->stepNs;
  for (const sim::StageResult& stage : evaluation->result->stages)
    expected.predictedPeakBytes = std::max(expected.predictedPeakBytes, stage.peakBytes);
  return expected;
}

}  // namespace

MeasureSession::MeasureSession(JobBoard& jobs, Workspace& workspace, PlanSession& plan,
                               QObject* parent)
    : QObject(parent),
      m_jobs(jobs),
      m_workspace(workspace),
      m_plan(plan),
      m_run(kGrace),
      m_prepareJob(jobs),
      m_compareJob(jobs) {
  connect(&m_run, &MeasureRun::started, this, &MeasureSession::started);
  connect(&m_run, &MeasureRun::said, this, &MeasureSession::said);
  connect(&m_run, &MeasureRun::warned, this, &MeasureSession::warned);
  connect(&m_run, &MeasureRun::ended, this, &MeasureSession::finish);
  connect(&m_run, &MeasureRun::stepped, this, [this](const runs::RunStep& step) {
    if (m_row)
      m_row->update(std::min(1.0, static_cast<double>(step.step + 1) / m_settings.steps),
                    toQt(runs::stepWords(step, m_settings.steps)));
    emit stepped(step);
  });
  connect(&plan, &PlanSession::profileChanged, this, &MeasureSession::stateChanged);
  connect(&plan, &PlanSession::planChanged, this, &MeasureSession::stateChanged);
  connect(&plan, &PlanSession::evaluated, this, &MeasureSession::lookAtRuns);
  connect(&workspace, &Workspace::runsChanged, this, &MeasureSession::lookAtRuns);
}

void MeasureSession::setSettings(const MeasureSettings& settings) {
  if (settings == m_settings || running()) return;
  m_settings = settings;
  emit settingsChanged();
  emit stateChanged();
}

void MeasureSession::setProgram(const QString& path) {
  m_program = path;
  emit stateChanged();
}

Result<MeasureSession::Task> MeasureSession::task() const {
  if (!m_plan.ready())
    return fail(ErrorCode::kCannotAnswer,
                "no plan yet; open a Caracal recording, a profile or a model description");
  Task task{m_plan.profile(), m_plan.plan(), {}, m_program, {}};
  if (task.program.isEmpty()) {
    CARACAL_TRY(program, runs::findProgram("caracal-run"));
    task.program = toQt(program);
  }
  task.files = nextMeasureFiles(m_settings, toQt(task.plan.policy));
  CARACAL_TRY(job, measureJob(m_settings, task.files));
  CARACAL_TRY(command,
              runs::commandOf(task.program.toStdString(), runs::runArguments(job, *task.profile),
                              job.processes ? task.profile->parallel.ranks() : 0));
  task.program = toQt(command.front());
  for (size_t i = 1; i < command.size(); ++i) task.arguments << toQt(command[i]);
  return task;
}

Result<QString> MeasureSession::command() const {
  const auto text = [](const Task& task) {
    std::vector<std::string> words{task.program.toStdString()};
    for (const QString& argument : task.arguments) words.push_back(argument.toStdString());
    return toQt(runs::shellText(words));
  };
  if (running()) return text(m_task);
  CARACAL_TRY(next, task());
  return text(next);
}

void MeasureSession::setState(State state) {
  m_state = state;
  emit stateChanged();
}

void MeasureSession::measure() {
  if (running()) return;
  auto next = task();
  if (!next) return emit failed(toQt(next.error().text()));
  m_task = std::move(*next);
  m_waitsForRun = false;
  setState(State::kPreparing);
  emit began(expectedOf(m_plan, m_settings.steps));
  m_prepareJob.start<bool>(
      tr("Write the plan to measure"),
      [profile = m_task.profile, plan = m_task.plan, files = m_task.files](
          std::stop_token, const Progress&) { return writeDocuments(*profile, plan, files); },
      [this](const Result<bool>& written) {
        if (written) return launch();
        setState(State::kIdle);
        emit failed(toQt(written.error().text()));
      });
}

void MeasureSession::launch() {
  m_row = std::make_unique<JobRow>(m_jobs, tr("Measure %1").arg(toQt(m_task.plan.policy)),
                                   [this] { stop(); });
  setState(State::kRunning);
  m_run.start(m_task.program, m_task.arguments);
}

void MeasureSession::stop() {
  if (m_state == State::kPreparing) {
    m_prepareJob.cancel();
    setState(State::kIdle);
    return emit ended({RunOutcome::Kind::kStopped, tr("Stopped before it began."), 0});
  }
  m_run.stop();
  emit stateChanged();
}

void MeasureSession::finish(const RunOutcome& outcome) {
  m_row.reset();
  setState(State::kIdle);
  emit ended(outcome);
  if (outcome.steps == 0 || !QFileInfo::exists(m_task.files.recording)) return;
  m_waitsForRun = true;
  emit recorded(m_task.files.recording, m_task.plan);
}

// The recording that was waited for; else an open run of the plan under work, newest first.
void MeasureSession::lookAtRuns() {
  const auto& open = m_workspace.runs();
  if (m_waitsForRun) {
    const std::string path = m_task.files.recording.toStdString();
    for (const RunPtr& run : open) {
      if (run->paths.empty() || run->paths.front() != path) continue;
      m_waitsForRun = false;
      return compare(run, m_task.profile, m_task.plan);
    }
    return;
  }
  if (running() || !m_plan.ready()) return;
  std::string hash;
  for (auto run = open.rbegin(); run != open.rend(); ++run) {
    const std::string ran = (*run)->trace->metaOr("planHash", "");
    if (ran.empty() || !(*run)->model || (*run)->trace->tag() == trace::Tag::kSimulated) continue;
    if (hash.empty()) hash = plan::hashOf(m_plan.plan());
    if (ran != hash) continue;
    if ((*run)->paths.empty() ||
        (m_compared && toQt((*run)->paths.front()) == m_compared->recording))
      return;
    return compare(*run, m_plan.profile(), m_plan.plan());
  }
}

void MeasureSession::compare(const RunPtr& run, const ProfilePtr& profile, const plan::Plan& plan) {
  m_compareJob.start<ComparedRun>(
      tr("Set the measurement beside the prediction"),
      [run, profile, plan](std::stop_token stop, const Progress&) {
        return compareRun(*profile, plan, *run, stop);
      },
      [this](Result<ComparedRun> compared) {
        if (compared) {
          m_compared = std::make_shared<const ComparedRun>(std::move(*compared));
          return emit this->compared();
        }
        if (compared.error().code != ErrorCode::kCancelled)
          emit failed(toQt(compared.error().text()));
      });
}

}  // namespace caracal::ui
