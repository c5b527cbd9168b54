#include "app/ui/plan/measure_run.h"

#include <signal.h>

#include <QCoreApplication>
#include <QFileInfo>
#include <QJsonDocument>
#include <QJsonObject>
#include <QStandardPaths>
#include <algorithm>

#include "core/plan/plan_json.h"

namespace caracal::ui {
namespace {

constexpr int kGraceMs = 3000;  // for the step that runs when the window closes

// "200000ns,400000000B/s", as caracal-run reads a link.
QString linkText(const profile::Link& link) {
  return QStringLiteral("%1ns,%2B/s").arg(link.latencyNs).arg(link.bytesPerSecond, 0, 'f', 0);
}

void addLink(QStringList& arguments, const QString& option, const profile::Link& link) {
  if (link.bytesPerSecond > 0) arguments << option << linkText(link);
}

}  // namespace

MeasureLine parseMeasureLine(const QByteArray& line, int steps) {
  const QJsonObject object = QJsonDocument::fromJson(line).object();
  const QString event = object.value(QStringLiteral("event")).toString();
  if (event == QLatin1String("error") || event == QLatin1String("warning")) {
    return {-1, object.value(QStringLiteral("message")).toString(),
            event == QLatin1String("error")};
  }
  if (event != QLatin1String("step")) return {};
  const int done = object.value(QStringLiteral("step")).toInt() + 1;
  const double loss = object.value(QStringLiteral("loss")).toDouble();
  return {steps > 0 ? std::min(1.0, static_cast<double>(done) / steps) : -1,
          MeasureRun::tr("step %1 of %2, loss %3").arg(done).arg(steps).arg(loss, 0, 'f', 3),
          false};
}

QString findCaracalRun() {
  const QString name = QStringLiteral("caracal-run");
  const QString beside =
      QStandardPaths::findExecutable(name, {QCoreApplication::applicationDirPath()});
  return beside.isEmpty() ? QStandardPaths::findExecutable(name) : beside;
}

QStringList measureArguments(const MeasureRequest& request, const QString& planFile) {
  QStringList arguments{QStringLiteral("--plan"),   planFile,
                        QStringLiteral("--steps"),  QString::number(request.steps),
                        QStringLiteral("--record"), request.record};
  addLink(arguments, QStringLiteral("--link-tensor"), request.profile->tensorLink);
  addLink(arguments, QStringLiteral("--link-pipeline"), request.profile->pipelineLink);
  addLink(arguments, QStringLiteral("--link-data"), request.profile->dataLink);
  return arguments;
}

MeasureRun::MeasureRun(QObject* parent) : QObject(parent) {
  m_process.setProcessChannelMode(QProcess::SeparateChannels);
  connect(&m_process, &QProcess::readyReadStandardOutput, this, &MeasureRun::readLines);
  connect(&m_process, &QProcess::finished, this, &MeasureRun::ended);
  connect(&m_process, &QProcess::errorOccurred, this, [this](QProcess::ProcessError error) {
    if (error == QProcess::FailedToStart) {
      emit failed(tr("caracal-run could not be started: %1").arg(m_process.errorString()));
    }
  });
}

MeasureRun::~MeasureRun() {
  if (!running()) return;
  m_process.disconnect(this);
  cancel();
  if (!m_process.waitForFinished(kGraceMs)) m_process.kill();
}

void MeasureRun::start(const MeasureRequest& request) {
  if (running()) return emit failed(tr("A measurement is running already; stop it first."));
  const QString program = request.program.isEmpty() ? findCaracalRun() : request.program;
  if (program.isEmpty()) {
    return emit failed(tr(
        "caracal-run was not found beside caracal-ui or on the PATH; build it with ./dev build."));
  }
  m_request = request;
  m_cancelled = false;
  m_lastError.clear();
  m_folder = std::make_unique<QTemporaryDir>();
  const QString planFile = m_folder->filePath(QStringLiteral("plan.json"));
  const auto saved = plan::savePlan(request.plan, *request.profile, planFile.toStdString());
  if (!saved) return emit failed(QString::fromStdString(saved.error().text()));
  m_process.start(program, measureArguments(request, planFile), QIODevice::ReadOnly);
  emit progressed(0, tr("starting"));
}

void MeasureRun::cancel() {
  if (!running()) return;
  if (m_cancelled) return m_process.kill();
  m_cancelled = true;
  if (m_process.processId() > 0) ::kill(static_cast<pid_t>(m_process.processId()), SIGINT);
  emit progressed(-1, tr("stopping after this step"));
}

void MeasureRun::readLines() {
  while (m_process.canReadLine()) {
    const MeasureLine line = parseMeasureLine(m_process.readLine(), m_request.steps);
    if (line.isError) m_lastError = line.words;
    if (!line.words.isEmpty()) emit progressed(line.fraction, line.words);
  }
}

void MeasureRun::ended(int exitCode, QProcess::ExitStatus status) {
  readLines();
  const bool recorded = QFileInfo::exists(m_request.record);
  if (status == QProcess::NormalExit && exitCode == 0 && recorded)
    return emit finished(m_request.record, m_cancelled);
  const QString said = QString::fromUtf8(m_process.readAllStandardError()).trimmed();
  QString why = m_lastError.isEmpty() ? said.right(600) : m_lastError;
  if (status == QProcess::CrashExit) why = tr("it was ended by a signal. %1").arg(why);
  if (why.isEmpty()) why = tr("exit code %1").arg(exitCode);
  const QString rest =
      recorded ? tr(" What was recorded until then is in %1.").arg(m_request.record) : QString();
  emit failed(tr("The measurement did not finish: %1%2").arg(why, rest));
}

}  // namespace caracal::ui
