#include "app/ui/render/render_command.h"

#include <QEventLoop>
#include <QSettings>
#include <QTemporaryDir>
#include <QTimer>

#include "app/ui/record/record_dialog.h"
#include "app/ui/window/error_bar.h"
#include "app/ui/window/main_window.h"
#include "app/ui/window/panel_docks.h"
#include "app/ui/window/settings.h"

namespace caracal::ui {
namespace {

constexpr QSize kWindowSize(1920, 1080);

// Runs the event loop until no job has been busy for two looks in a row: a job that ends may start
// the next one from a queued call.
void waitUntilIdle(const JobBoard& jobs) {
  QEventLoop loop;
  int quiet = 0;
  QTimer timer;
  QObject::connect(&timer, &QTimer::timeout, &loop, [&] {
    quiet = jobs.busy() ? 0 : quiet + 1;
    if (quiet >= 2) loop.quit();
  });
  timer.start(20);
  loop.exec();
}

Result<void> savePicture(QWidget& widget, const QString& path) {
  if (widget.grab().save(path, "PNG")) return {};
  return fail(ErrorCode::kIo, "{} could not be written; is the folder there and writable?",
              path.toStdString());
}

Result<void> grabRecordDialog(MainWindow& window, const RenderCommand& command) {
  RecordDialog& dialog = window.showRecord();
  waitUntilIdle(window.jobs());
  return savePicture(dialog, command.output);
}

Result<void> grabWindow(MainWindow& window, const RenderCommand& command) {
  if (!command.output.endsWith(QLatin1String(".png"), Qt::CaseInsensitive)) {
    return fail(ErrorCode::kInvalidInput, "pictures of the window are written as .png, not {}",
                command.output.toStdString());
  }
  const bool plan = command.view == RenderView::kPlan;
  if (plan && !window.plan().ready()) {
    return fail(ErrorCode::kCannotAnswer,
                "there is no profile among the inputs, so there is no plan to show");
  }
  const bool compare = command.view == RenderView::kCompare;
  if (compare) window.plan().tryPolicies();
  window.resize(command.options.width,
                command.options.height > 0 ? command.options.height : kWindowSize.height());
  window.show();
  window.showLayout(plan      ? QStringLiteral("plan")
                    : compare ? QStringLiteral("compare")
                              : QStringLiteral("analyse"));
  if (command.panel == QLatin1String("record")) return grabRecordDialog(window, command);
  // Panels with a layout of their own get its room.
  if (command.panel == QLatin1String("measure")) window.showLayout(command.panel);
  if (!command.panel.isEmpty() && !window.docks().raise(command.panel)) {
    return fail(ErrorCode::kInvalidInput, "there is no panel '{}'; there are {}",
                command.panel.toStdString(),
                window.docks().ids().join(QStringLiteral(", ")).toStdString());
  }
  waitUntilIdle(window.jobs());
  return savePicture(window, command.output);
}

}  // namespace

Result<void> runRender(const RenderCommand& command, QStringList& notices) {
  // Settings of its own: a picture must not depend on, or change, what the user has set.
  const QTemporaryDir folder;
  MainWindow window(openSettings(folder.filePath(QStringLiteral("settings.ini"))));
  window.setTheme(command.options.theme);
  window.open(command.paths);
  waitUntilIdle(window.jobs());
  const QString words = window.errorBar().words();
  if (window.workspace().runs().empty() && !window.plan().ready()) {
    return fail(ErrorCode::kInvalidInput, "{}",
                words.isEmpty() ? std::string("nothing could be opened") : words.toStdString());
  }
  if (!words.isEmpty()) notices << words;
  if (command.view == RenderView::kFolded) {
    window.foldSteps();
    waitUntilIdle(window.jobs());
  } else if (command.view != RenderView::kTimeline) {
    return grabWindow(window, command);
  }
  const Scene& scene = window.timeline().scene();
  if (command.output.endsWith(QLatin1String(".svg"), Qt::CaseInsensitive)) {
    return writeTimelineSvg(scene, command.options, command.output);
  }
  if (command.output.endsWith(QLatin1String(".png"), Qt::CaseInsensitive)) {
    return writeTimelinePng(scene, command.options, command.output);
  }
  return fail(ErrorCode::kInvalidInput, "{} ends neither in .png nor in .svg",
              command.output.toStdString());
}

}  // namespace caracal::ui
