// Test program of the ui: one offscreen QApplication for all cases, and every Qt warning is a
// failure.
#include <gtest/gtest.h>

#include <QApplication>
#include <QStandardPaths>
#include <QTemporaryDir>

namespace {

void failOnWarning(QtMsgType type, const QMessageLogContext&, const QString& message) {
  if (type == QtDebugMsg || type == QtInfoMsg) return;
  // The offscreen platform says this of every window; it is about the platform, not about us.
  if (message.contains(QStringLiteral("propagateSizeHints"))) return;
  ADD_FAILURE() << "Qt said: " << message.toStdString();
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  qputenv("QT_QPA_PLATFORM", "offscreen");
  QStandardPaths::setTestModeEnabled(true);  // settings of the user stay untouched
  const QTemporaryDir cache;                 // nor are the runs that the user's cache holds
  qputenv("CARACAL_CACHE_DIR", cache.path().toUtf8());
  QApplication app(argc, argv);
  QCoreApplication::setOrganizationName(QStringLiteral("caracal-test"));
  QCoreApplication::setApplicationName(QStringLiteral("caracal-ui-test"));
  qInstallMessageHandler(failOnWarning);
  return RUN_ALL_TESTS();
}
