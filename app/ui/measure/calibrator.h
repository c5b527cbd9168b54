// Calibrator: measures the constants of this machine as `caracal calibrate` does, as a job, and
// keeps them as a hardware document that model descriptions can name. GUI thread only.
#pragma once

#include <QObject>
#include <optional>

#include "app/runs/calibration_runs.h"
#include "app/ui/jobs/job_board.h"
#include "app/ui/measure/measure_settings.h"
#include "core/profile/calibration.h"

namespace caracal::ui {

class Calibrator : public QObject {
  Q_OBJECT
 public:
  explicit Calibrator(JobBoard& jobs, QObject* parent = nullptr);

  bool running() const { return m_job.running(); }
  // Clock and steps are those of a measurement. Reports by finished(), failed() or stopped().
  void start(const MeasureSettings& settings);
  void stop();
  // What start() does, as a command.
  QString command(const MeasureSettings& settings) const;

  // The hardware document: in the user's data, named after the machine.
  QString file() const;
  // Where it goes instead.
  void setFile(const QString& path) { m_file = path; }
  // The model of its runs, by path or shipped name, instead of caracal calibrate's.
  void setModel(const QString& model) { m_model = model; }
  const std::optional<profile::Calibration>& calibration() const { return m_calibration; }

 signals:
  void started();
  void finished();
  void stopped();
  void failed(const QString& words);

 private:
  runs::CalibrationRequest requestOf(const MeasureSettings& settings) const;

  QString m_file;
  QString m_model;
  JobSlot m_job;
  std::optional<profile::Calibration> m_calibration;
};

}  // namespace caracal::ui
