// MeasureRun: caracal-run on a plan, beside the window. Tells its steps while it runs and how it
// ended in words. GUI thread only; never waits.
#pragma once

#include <QObject>
#include <QStringList>

#include "app/runs/run_progress.h"
#include "app/ui/jobs/child_process.h"

namespace caracal::ui {

struct RunOutcome {
  enum class Kind { kAllSteps, kStopped, kFailed };
  Kind kind = Kind::kAllSteps;
  QString words;      // why it failed, in the program's own words; how it was stopped
  int32_t steps = 0;  // finished, and in the recording
};

class MeasureRun : public QObject {
  Q_OBJECT
 public:
  explicit MeasureRun(std::chrono::milliseconds grace, QObject* parent = nullptr);

  bool running() const { return m_child.running(); }
  bool stopping() const { return m_child.stopping(); }
  // REQUIRES !running()
  void start(const QString& program, const QStringList& arguments);
  // Ends after the step that runs; when that takes longer than the grace, or on a second call, at
  // once. Steps that were told are in the recording either way.
  void stop() { m_child.stop(); }
  // Seconds that a stopped run is given.
  double graceSeconds() const { return std::chrono::duration<double>(m_child.grace()).count(); }

 signals:
  void started(const caracal::runs::RunStart& start);
  void stepped(const caracal::runs::RunStep& step);
  void warned(const QString& words);
  void said(const QString& line);  // everything it prints
  void ended(const caracal::ui::RunOutcome& outcome);

 private:
  void take(const QByteArray& line);
  void finish(const ChildEnd& end);

  ChildProcess m_child;
  QString m_error;
  int32_t m_steps = 0;
  bool m_early = false;
};

}  // namespace caracal::ui
