#include "app/ui/window/settings.h"

#include <QFileInfo>
#include <QSettings>

namespace caracal::ui {
namespace {

constexpr int kMostRecent = 12;
const auto kRecentKey = QStringLiteral("recent");
const auto kThemeKey = QStringLiteral("theme");

}  // namespace

std::unique_ptr<QSettings> openSettings(const QString& file) {
  if (!file.isEmpty()) return std::make_unique<QSettings>(file, QSettings::IniFormat);
  return std::make_unique<QSettings>(QSettings::IniFormat, QSettings::UserScope,
                                     QStringLiteral("caracal"), QStringLiteral("caracal-ui"));
}

QList<QStringList> recentFiles(const QSettings& settings) {
  QList<QStringList> recent;
  for (const QVariant& entry : settings.value(kRecentKey).toList()) {
    const QStringList paths = entry.toStringList();
    if (!paths.isEmpty()) recent << paths;
  }
  return recent;
}

void addRecent(QSettings& settings, const QStringList& paths) {
  if (paths.isEmpty()) return;
  QStringList absolute;
  for (const QString& path : paths) absolute << QFileInfo(path).absoluteFilePath();
  QList<QStringList> recent = recentFiles(settings);
  recent.removeAll(absolute);
  recent.prepend(absolute);
  QVariantList stored;
  for (const QStringList& entry : recent.mid(0, kMostRecent)) stored << QVariant(entry);
  settings.setValue(kRecentKey, stored);
}

ThemeKind themeSetting(const QSettings& settings, ThemeKind fallback) {
  const QString name = settings.value(kThemeKey).toString();
  if (name == nameOf(ThemeKind::kDark)) return ThemeKind::kDark;
  if (name == nameOf(ThemeKind::kLight)) return ThemeKind::kLight;
  return fallback;
}

void setThemeSetting(QSettings& settings, ThemeKind kind) {
  settings.setValue(kThemeKey, nameOf(kind));
}

}  // namespace caracal::ui
