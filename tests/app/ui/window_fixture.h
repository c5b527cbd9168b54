// The program's window with settings and files in a folder of its own.
#pragma once

#include <gtest/gtest.h>

#include <QApplication>
#include <QDeadlineTimer>
#include <QFile>
#include <QSettings>
#include <QTemporaryDir>
#include <functional>

#include "app/ui/window/main_window.h"
#include "app/ui/window/settings.h"
#include "core/base/sanitizers.h"
#include "core/profile/profile_json.h"
#include "core/project/project.h"

namespace caracal::test {

// A pipeline as MegatronApp writes it: two stages, one micro-batch.
inline const char* const kPipelineJson = R"([
{"name":"forward","ph":"B","ts":0,"pid":0,"tid":0},{"name":"forward","ph":"E","ts":10,"pid":0,"tid":0},
{"name":"backward","ph":"B","ts":40,"pid":0,"tid":0},{"name":"backward","ph":"E","ts":60,"pid":0,"tid":0},
{"name":"forward","ph":"B","ts":10,"pid":1,"tid":0},{"name":"forward","ph":"E","ts":20,"pid":1,"tid":0},
{"name":"backward","ph":"B","ts":20,"pid":1,"tid":0},{"name":"backward","ph":"E","ts":40,"pid":1,"tid":0}
])";

inline const char* const kKinetoJson = R"({"distributedInfo":{"rank":0},"traceEvents":[
{"ph":"X","cat":"kernel","name":"gemm","pid":0,"tid":7,"ts":1000,"dur":50,"args":{"device":0,"stream":7}},
{"ph":"X","cat":"cpu_op","name":"aten::mm","pid":9,"tid":9,"ts":990,"dur":20,"args":{}}
]})";

class Window : public testing::Test {
 protected:
  QString write(const char* name, const std::string& text) {
    QFile file(m_folder.filePath(QLatin1String(name)));
    EXPECT_TRUE(file.open(QIODevice::WriteOnly));
    file.write(text.data(), static_cast<qint64>(text.size()));
    return file.fileName();
  }
  QString projectWith(const profile::Profile& profile) {
    const QString path = m_folder.filePath(QStringLiteral("a.caracal"));
    auto project = project::Project::open(path.toStdString());
    EXPECT_TRUE(project);
    EXPECT_TRUE(project->add(project::ItemKind::kProfile, "p", profile::toJson(profile)));
    return path;
  }
  bool waitFor(const std::function<bool()>& condition) {
    const QDeadlineTimer deadline(kAddressSanitizer || kThreadSanitizer ? 300000 : 15000);
    while (!condition() && !deadline.hasExpired())
      QApplication::processEvents(QEventLoop::AllEvents, 10);
    return condition();
  }
  bool opened() {
    return waitFor([this] { return !m_window.jobs().busy(); });
  }
  QTemporaryDir m_folder;
  ui::MainWindow m_window{ui::openSettings(m_folder.filePath(QStringLiteral("settings.ini")))};
};

}  // namespace caracal::test
