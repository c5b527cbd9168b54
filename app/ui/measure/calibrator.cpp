#include "app/ui/measure/calibrator.h"

#include <QDir>
#include <QFileInfo>
#include <QStandardPaths>
#include <QSysInfo>
#include <algorithm>

#include "app/runs/shell_words.h"
#include "core/base/files.h"

namespace caracal::ui {
namespace {

constexpr int kLeastSteps = 2;  // the first warms up

Result<profile::Calibration> calibrate(const runs::CalibrationRequest& request,
                                       const std::string& file, const runs::Watch& watch) {
  CARACAL_TRY(recordings, runs::recordForCalibration(request, watch));
  CARACAL_TRY(calibration, runs::calibrateFrom(recordings, watch));
  CARACAL_CHECK_OK(writeTextFile(file, profile::toJson(calibration)));
  return calibration;
}

}  // namespace

Calibrator::Calibrator(JobBoard& jobs, QObject* parent) : QObject(parent), m_job(jobs) {}

QString Calibrator::file() const {
  if (!m_file.isEmpty()) return m_file;
  QString host = QSysInfo::machineHostName();
  if (host.isEmpty()) host = QStringLiteral("this-machine");
  return QStandardPaths::writableLocation(QStandardPaths::GenericDataLocation) +
         QStringLiteral("/caracal/hardware/%1.json").arg(host);
}

runs::CalibrationRequest Calibrator::requestOf(const MeasureSettings& settings) const {
  runs::CalibrationRequest request;
  request.folder = file().toStdString() + ".runs";
  if (!m_model.isEmpty()) request.model = m_model.toStdString();
  request.backend = settings.backend.toStdString();
  request.clock = settings.clock.toStdString();
  request.steps = std::max(kLeastSteps, settings.steps);
  return request;
}

QString Calibrator::command(const MeasureSettings& settings) const {
  const runs::CalibrationRequest request = requestOf(settings);
  std::vector<std::string> words{
      "caracal", "calibrate", "-o", file().toStdString(), "--steps", std::to_string(request.steps)};
  if (!m_model.isEmpty()) words.insert(words.end(), {"--model", request.model});
  if (!request.backend.empty()) words.insert(words.end(), {"--backend", request.backend});
  if (!request.clock.empty()) words.insert(words.end(), {"--clock", request.clock});
  return QString::fromStdString(runs::shellText(words));
}

void Calibrator::start(const MeasureSettings& settings) {
  if (running()) return;
  const std::string path = file().toStdString();
  if (!QDir().mkpath(QFileInfo(file()).path()))
    return emit failed(tr("The folder %1 cannot be made.").arg(QFileInfo(file()).path()));
  m_job.start<profile::Calibration>(
      tr("Calibrate this machine"),
      [request = requestOf(settings), path](std::stop_token stop, const Progress& progress) {
        return calibrate(request, path, {std::move(stop), progress, {}});
      },
      [this](Result<profile::Calibration> calibration) {
        if (calibration) {
          m_calibration = std::move(*calibration);
          return emit finished();
        }
        if (calibration.error().code == ErrorCode::kCancelled) return emit stopped();
        emit failed(QString::fromStdString(calibration.error().text()));
      });
  emit started();
}

void Calibrator::stop() {
  if (!running()) return;
  m_job.cancel();
  emit stopped();
}

}  // namespace caracal::ui
