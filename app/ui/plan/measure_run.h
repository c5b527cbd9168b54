// MeasureRun: caracal-run on a plan, as a process beside this one. Reads its progress (JSON lines),
// passes a cancel on as SIGINT, and names the recording when it is there. GUI thread only; never
// waits.
#pragma once

#include <QObject>
#include <QProcess>
#include <QTemporaryDir>
#include <memory>

#include "core/plan/plan.h"
#include "core/profile/profile.h"

namespace caracal::ui {

struct MeasureRequest {
  std::shared_ptr<const profile::Profile> profile;
  plan::Plan plan;
  int steps = 4;
  QString record;   // where the recording goes
  QString program;  // empty: findCaracalRun()
};

// One line of caracal-run's output. `fraction` < 0: says nothing about progress.
struct MeasureLine {
  double fraction = -1;
  QString words;
  bool isError = false;
};
MeasureLine parseMeasureLine(const QByteArray& line, int steps);

// The program beside the running one, or on the PATH; empty when there is none.
QString findCaracalRun();
// Its arguments for a request whose plan was written to `planFile`: the links that the profile was
// measured with, so that like is compared with like.
QStringList measureArguments(const MeasureRequest& request, const QString& planFile);

class MeasureRun : public QObject {
  Q_OBJECT
 public:
  explicit MeasureRun(QObject* parent = nullptr);
  // Asks a running process to stop, then ends it.
  ~MeasureRun() override;

  bool running() const { return m_process.state() != QProcess::NotRunning; }
  // Reports by finished() or failed(), also when it cannot be started.
  void start(const MeasureRequest& request);
  // Ends after the step that runs; a second call ends it at once.
  void cancel();

 signals:
  void progressed(double fraction, const QString& words);
  void finished(const QString& recording, bool stoppedEarly);
  void failed(const QString& words);

 private:
  void readLines();
  void ended(int exitCode, QProcess::ExitStatus status);

  QProcess m_process;
  std::unique_ptr<QTemporaryDir> m_folder;  // holds the plan document
  MeasureRequest m_request;
  QString m_lastError;
  bool m_cancelled = false;
};

}  // namespace caracal::ui
