// MeasureSession: measures the plan under work with caracal-run, beside the window, and sets the
// recording beside the prediction. The command it shows is the command it runs. GUI thread only.
#pragma once

#include <QObject>
#include <memory>
#include <optional>

#include "app/runs/measurement.h"
#include "app/ui/jobs/job_board.h"
#include "app/ui/measure/live_plot.h"
#include "app/ui/measure/measure_run.h"
#include "app/ui/measure/measure_settings.h"
#include "app/ui/plan/plan_session.h"
#include "app/ui/workspace/workspace.h"
#include "core/planner/replay_error.h"

namespace caracal::ui {

// A measurement beside its prediction.
struct ComparedRun {
  runs::Measurement measurement;
  // What predictions on the profile are off by anyway, where that is known.
  std::optional<planner::ReplayError> replay;
  QString recording;  // path
};

class MeasureSession : public QObject {
  Q_OBJECT
 public:
  // All three must outlive the session.
  MeasureSession(JobBoard& jobs, Workspace& workspace, PlanSession& plan,
                 QObject* parent = nullptr);

  const MeasureSettings& settings() const { return m_settings; }
  void setSettings(const MeasureSettings& settings);
  // Instead of the caracal-run beside this program.
  void setProgram(const QString& path);

  bool running() const { return m_state != State::kIdle; }
  bool stopping() const { return m_run.stopping(); }
  double graceSeconds() const { return m_run.graceSeconds(); }
  // What runs, or what measure() would run now; or why it cannot.
  Result<QString> command() const;
  // Reports by began(), and by ended() or failed().
  void measure();
  // Asks the run to end after its step, and sees to it; a second call ends it at once.
  void stop();

  // The newest measurement, or an open run of the plan under work; null: none yet.
  const std::shared_ptr<const ComparedRun>& comparison() const { return m_compared; }

 signals:
  void settingsChanged();
  void stateChanged();
  void began(const caracal::ui::ExpectedRun& expected);
  void started(const caracal::runs::RunStart& start);
  void stepped(const caracal::runs::RunStep& step);
  void said(const QString& line);
  void warned(const QString& words);
  void ended(const caracal::ui::RunOutcome& outcome);
  void failed(const QString& words);
  // A recording with finished steps is there, whatever ended the run.
  void recorded(const QString& recording, const caracal::plan::Plan& plan);
  void compared();

 private:
  enum class State { kIdle, kPreparing, kRunning };
  struct Task {
    ProfilePtr profile;
    plan::Plan plan;
    MeasureFiles files;
    QString program;
    QStringList arguments;
  };
  Result<Task> task() const;
  void setState(State state);
  void launch();
  void finish(const RunOutcome& outcome);
  void lookAtRuns();
  void compare(const RunPtr& run, const ProfilePtr& profile, const plan::Plan& plan);

  JobBoard& m_jobs;
  Workspace& m_workspace;
  PlanSession& m_plan;
  MeasureSettings m_settings;
  QString m_program;
  MeasureRun m_run;
  State m_state = State::kIdle;
  Task m_task;
  std::unique_ptr<JobRow> m_row;
  JobSlot m_prepareJob;
  JobSlot m_compareJob;
  bool m_waitsForRun = false;  // the recording of m_task is being opened
  std::shared_ptr<const ComparedRun> m_compared;
};

}  // namespace caracal::ui
