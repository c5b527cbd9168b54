#include "app/ui/record/record_settings.h"

#include <QDir>
#include <QJsonDocument>
#include <QJsonObject>
#include <QStandardPaths>
#include <algorithm>

#include "app/runs/shell_words.h"

namespace caracal::ui {

QString toJson(const RecordSettings& settings) {
  const QJsonObject object{
      {QStringLiteral("command"), settings.command},
      {QStringLiteral("folder"), settings.folder},
      {QStringLiteral("kinds"), QString::fromStdString(recorder::kindsText(settings.kinds))},
      {QStringLiteral("steps"), settings.steps},
      {QStringLiteral("seconds"), settings.seconds},
      {QStringLiteral("environment"), settings.environment}};
  return QString::fromUtf8(QJsonDocument(object).toJson(QJsonDocument::Compact));
}

RecordSettings recordSettingsFromJson(const QString& text) {
  const QJsonObject object = QJsonDocument::fromJson(text.toUtf8()).object();
  const auto words = [&](const char* key) { return object.value(QLatin1String(key)).toString(); };
  RecordSettings settings;
  settings.command = words("command");
  settings.folder = words("folder");
  settings.kinds =
      recorder::kindsFromText(words("kinds").toStdString()).value_or(recorder::kDefaultKinds);
  settings.steps = words("steps");
  settings.seconds = std::max(0.0, object.value(QLatin1String("seconds")).toDouble());
  settings.environment = words("environment");
  return settings;
}

QString nextRecordFolder() {
  const QDir folder(QStandardPaths::writableLocation(QStandardPaths::GenericDataLocation) +
                    QStringLiteral("/caracal/recordings"));
  for (int number = 1;; ++number) {
    const QString path =
        folder.absoluteFilePath(QStringLiteral("run-%1").arg(number, 3, 10, QLatin1Char('0')));
    if (!QDir(path).exists()) return path;
  }
}

Result<std::vector<std::string>> recordWords(const RecordSettings& settings,
                                             const QString& caracal) {
  CARACAL_TRY(command, runs::shellWords(settings.command.toStdString()));
  runs::RecordJob job;
  job.folder = (settings.folder.isEmpty() ? nextRecordFolder() : settings.folder).toStdString();
  job.kinds = settings.kinds;
  job.steps = settings.steps.toStdString();
  job.seconds = settings.seconds;
  job.command = std::move(command);
  for (const QString& line : settings.environment.split(QLatin1Char('\n'), Qt::SkipEmptyParts)) {
    if (!line.trimmed().isEmpty()) job.environment.push_back(line.trimmed().toStdString());
  }
  return runs::recordCommand(job, caracal.toStdString());
}

}  // namespace caracal::ui
