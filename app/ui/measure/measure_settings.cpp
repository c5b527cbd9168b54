#include "app/ui/measure/measure_settings.h"

#include <QDir>
#include <QJsonDocument>
#include <QJsonObject>
#include <QRegularExpression>
#include <QStandardPaths>
#include <algorithm>

#include "core/profile/link_text.h"

namespace caracal::ui {
namespace {

constexpr int kMostSteps = 1'000'000;

// A policy's name as a file's: "uniform:2" becomes "uniform-2".
QString stemOf(const QString& policy) {
  static const QRegularExpression kUnsafe(QStringLiteral("[^A-Za-z0-9+_-]+"));
  QString stem = policy;
  stem.replace(kUnsafe, QStringLiteral("-"));
  return stem.isEmpty() ? QStringLiteral("plan") : stem;
}

Result<std::optional<profile::Link>> linkOf(const QString& text) {
  if (text.trimmed().isEmpty()) return std::nullopt;
  CARACAL_TRY(link, profile::parseLink(text.trimmed().toStdString()));
  return link;
}

}  // namespace

QString toJson(const MeasureSettings& settings) {
  const QJsonObject object{{QStringLiteral("clock"), settings.clock},
                           {QStringLiteral("steps"), settings.steps},
                           {QStringLiteral("tensorLink"), settings.tensorLink},
                           {QStringLiteral("pipelineLink"), settings.pipelineLink},
                           {QStringLiteral("dataLink"), settings.dataLink},
                           {QStringLiteral("folder"), settings.folder},
                           {QStringLiteral("backend"), settings.backend},
                           {QStringLiteral("processes"), settings.processes}};
  return QString::fromUtf8(QJsonDocument(object).toJson(QJsonDocument::Compact));
}

MeasureSettings measureSettingsFromJson(const QString& text) {
  const QJsonObject object = QJsonDocument::fromJson(text.toUtf8()).object();
  const auto words = [&](const char* key) { return object.value(QLatin1String(key)).toString(); };
  MeasureSettings settings;
  settings.clock = words("clock");
  if (settings.clock != QLatin1String("wall") && settings.clock != QLatin1String("virtual"))
    settings.clock.clear();
  settings.steps =
      std::clamp(object.value(QLatin1String("steps")).toInt(settings.steps), 1, kMostSteps);
  settings.tensorLink = words("tensorLink");
  settings.pipelineLink = words("pipelineLink");
  settings.dataLink = words("dataLink");
  settings.folder = words("folder");
  settings.backend = words("backend");
  if (settings.backend != QLatin1String("cuda")) settings.backend.clear();
  settings.processes = object.value(QLatin1String("processes")).toBool();
  return settings;
}

QString defaultMeasureFolder() {
  return QStandardPaths::writableLocation(QStandardPaths::GenericDataLocation) +
         QStringLiteral("/caracal/measurements");
}

MeasureFiles nextMeasureFiles(const MeasureSettings& settings, const QString& policy) {
  const QDir folder(settings.folder.isEmpty() ? defaultMeasureFolder() : settings.folder);
  const QString stem = stemOf(policy);
  static const QRegularExpression kNumber(QStringLiteral("-(\\d+)\\."));
  int next = 1;
  for (const QString& name : folder.entryList({stem + QStringLiteral("-*")}, QDir::Files)) {
    const auto match = kNumber.match(name, stem.size());
    if (match.hasMatch() && match.capturedStart() == stem.size())
      next = std::max(next, match.captured(1).toInt() + 1);
  }
  const QString path =
      folder.absoluteFilePath(QStringLiteral("%1-%2").arg(stem).arg(next, 3, 10, QLatin1Char('0')));
  return {path + QStringLiteral(".profile.json"), path + QStringLiteral(".plan.json"),
          path + QStringLiteral(".sqlite")};
}

Result<runs::MeasureJob> measureJob(const MeasureSettings& settings, const MeasureFiles& files) {
  CARACAL_TRY(tensor, linkOf(settings.tensorLink));
  CARACAL_TRY(pipeline, linkOf(settings.pipelineLink));
  CARACAL_TRY(data, linkOf(settings.dataLink));
  runs::MeasureJob job{files.profile.toStdString(), files.plan.toStdString(),
                       files.recording.toStdString()};
  job.clock = settings.clock.toStdString();
  job.steps = settings.steps;
  job.tensorLink = tensor;
  job.pipelineLink = pipeline;
  job.dataLink = data;
  job.backend = settings.backend.toStdString();
  job.processes = settings.processes;
  return job;
}

}  // namespace caracal::ui
