// caracal-ui: the window, or with --render a picture.
#include <QApplication>
#include <QIcon>
#include <QSettings>
#include <cstdio>
#include <cstring>

#include "app/ui/render/command_line.h"
#include "app/ui/window/main_window.h"
#include "app/ui/window/settings.h"

namespace {

enum ExitCode { kOk = 0, kFailed = 1, kUsage = 2 };

// A picture, help and the version need no display.
bool needsDisplay(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    for (const char* option : {"--render", "--help", "-h", "--version", "-v", "--help-all"}) {
      if (std::strncmp(argv[i], option, std::strlen(option)) == 0) return false;
    }
  }
  return true;
}

bool hasDisplay() {
  return qEnvironmentVariableIsSet("DISPLAY") || qEnvironmentVariableIsSet("WAYLAND_DISPLAY");
}

// What Qt says of the platform, not of the user's files: the offscreen platform of every window,
// and that it picked a runtime folder by itself.
void dropPlatformNoise(QtMsgType, const QMessageLogContext&, const QString& message) {
  for (const char* noise : {"propagateSizeHints", "XDG_RUNTIME_DIR"}) {
    if (message.contains(QLatin1String(noise))) return;
  }
  std::fprintf(stderr, "%s\n", qPrintable(message));
}

int render(const caracal::ui::RenderCommand& command) {
  QStringList notices;
  const auto done = caracal::ui::runRender(command, notices);
  for (const QString& notice : notices)
    std::fprintf(stderr, "caracal-ui: %s\n", qPrintable(notice));
  if (done) return kOk;
  std::fprintf(stderr, "caracal-ui: %s\n", done.error().text().c_str());
  return kFailed;
}

}  // namespace

int main(int argc, char** argv) {
  if (!qEnvironmentVariableIsSet("QT_QPA_PLATFORM")) {
    if (!needsDisplay(argc, argv)) {
      qputenv("QT_QPA_PLATFORM", "offscreen");
    } else if (!hasDisplay()) {
      std::fprintf(
          stderr,
          "caracal-ui: there is no display (DISPLAY and WAYLAND_DISPLAY are not set). "
          "For pictures without one use --render out.png, or the command line `caracal`.\n");
      return kFailed;
    }
  }
  qInstallMessageHandler(dropPlatformNoise);
  QApplication app(argc, argv);
  QCoreApplication::setApplicationName(QStringLiteral("caracal-ui"));
  QCoreApplication::setApplicationVersion(QStringLiteral(CARACAL_VERSION));
  QGuiApplication::setApplicationDisplayName(QStringLiteral("Caracal"));
  QGuiApplication::setDesktopFileName(QStringLiteral("io.github.caracal_ml.Caracal"));
  QGuiApplication::setWindowIcon(QIcon(QStringLiteral(":/icons/caracal.svg")));
  const auto line = caracal::ui::parseCommandLine(QCoreApplication::arguments());
  if (!line) {
    std::fprintf(stderr, "caracal-ui: %s\nTry caracal-ui --help.\n", line.error().message.c_str());
    return kUsage;
  }
  if (line->render) return render(*line->render);
  caracal::ui::MainWindow window(caracal::ui::openSettings());
  if (line->theme) window.setTheme(*line->theme);
  if (!line->paths.isEmpty()) window.open(line->paths);
  window.show();
  return QApplication::exec();
}
