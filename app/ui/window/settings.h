// What outlives a session: theme, window geometry, recent files, keys. In XDG_CONFIG_HOME by
// QSettings.
#pragma once

#include <QByteArray>
#include <QList>
#include <QStringList>
#include <memory>

#include "app/ui/theme/palette.h"

class QSettings;

namespace caracal::ui {

// `file` empty: the user's own.
std::unique_ptr<QSettings> openSettings(const QString& file = {});

// Most recent first; each entry is what was opened together. Missing files are kept: they may be on
// a disk that is not mounted now.
QList<QStringList> recentFiles(const QSettings& settings);
void addRecent(QSettings& settings, const QStringList& paths);

ThemeKind themeSetting(const QSettings& settings, ThemeKind fallback);
void setThemeSetting(QSettings& settings, ThemeKind kind);

}  // namespace caracal::ui
