// What the window keeps in a project, measures, and draws without a display.
#include "app/ui/window/main_window.h"

#include <gtest/gtest.h>

#include <QAction>
#include <QFileInfo>
#include <QSettings>
#include <algorithm>
#include <filesystem>

#include "app/ui/measure/measure_panel.h"
#include "app/ui/measure/pass_chart.h"
#include "app/ui/render/render_command.h"
#include "app/ui/window/error_bar.h"
#include "app/ui/window/panel_docks.h"
#include "app/ui/window/settings.h"
#include "core/project/project.h"
#include "tests/app/ui/demo_profile.h"
#include "tests/app/ui/tiny_profile.h"
#include "tests/app/ui/window_fixture.h"

namespace caracal::ui {
namespace {

using test::kPipelineJson;
using test::Window;

TEST_F(Window, whatWasChosenForMeasuringIsInTheProjectAtOnce) {
  const QString path = projectWith(*test::demoProfile());
  m_window.open({path});
  ASSERT_TRUE(opened());
  MeasureSettings settings = m_window.docks().measure().session().settings();
  for (const int steps : {7, 8, 9}) {
    settings.steps = steps;
    m_window.docks().measure().session().setSettings(settings);
  }
  ASSERT_TRUE(opened());
  // The first window never closes: another one sees what was committed.
  MainWindow other{openSettings(m_folder.filePath(QStringLiteral("other.ini")))};
  other.open({path});
  ASSERT_TRUE(waitFor([&] { return !other.jobs().busy(); }));
  EXPECT_EQ(other.docks().measure().session().settings(), settings);
}

TEST_F(Window, aClosedProjectIsNotWrittenToAnyMore) {
  const QString path = projectWith(*test::demoProfile());
  m_window.open({path});
  ASSERT_TRUE(opened());
  MeasureSession& session = m_window.docks().measure().session();
  MeasureSettings settings = session.settings();
  const int kept = settings.steps = 7;
  session.setSettings(settings);
  m_window.findChild<QAction*>(QStringLiteral("file.closeAll"))->trigger();
  ASSERT_TRUE(opened());
  settings.steps = 8;
  session.setSettings(settings);
  m_window.open({path});
  ASSERT_TRUE(opened());
  EXPECT_EQ(session.settings().steps, kept);
}

// As a user goes: a project, a plan, a measurement, the comparison.
TEST_F(Window, theLoopClosesFromAProjectToAMeasurementKeptInIt) {
  const QString path = projectWith(*test::tinyProfile());
  m_window.show();
  m_window.open({path});
  ASSERT_TRUE(opened());
  planner::PlanRequest request;
  request.policy = "full";
  m_window.plan().requestPlan(request);
  ASSERT_TRUE(opened());
  EXPECT_EQ(m_window.plan().plan().policy, "full");

  MeasureSession& session = m_window.docks().measure().session();
  MeasureSettings settings = session.settings();
  settings.steps = 6;
  settings.clock = QStringLiteral("virtual");
  settings.folder = m_folder.filePath(QStringLiteral("runs"));
  session.setSettings(settings);
  int steps = 0;
  QObject::connect(&session, &MeasureSession::stepped, &m_window, [&] { ++steps; });
  m_window.findChild<QAction*>(QStringLiteral("measure.start"))->trigger();
  ASSERT_TRUE(waitFor([&] { return session.comparison() != nullptr; }))
      << m_window.errorBar().words().toStdString();
  ASSERT_TRUE(opened());
  EXPECT_EQ(steps, 6);
  ASSERT_EQ(m_window.workspace().runs().size(), 1U);
  EXPECT_TRUE(m_window.workspace().prediction());
  EXPECT_EQ(m_window.workspace().prediction()->trace,
            session.comparison()->measurement.predictedTrace)
      << "the plan's own prediction is for another machine";
  // A chosen pass is brought into view.
  auto* chart = m_window.findChild<PassChart*>();
  ASSERT_NE(chart, nullptr);
  chart->choose(1);
  EXPECT_TRUE(m_window.timeline().selected().valid());

  auto project = project::Project::open(path.toStdString(), project::OpenMode::kReadOnly);
  ASSERT_TRUE(project);
  const auto items = project->items();
  ASSERT_TRUE(items);
  EXPECT_EQ(items->back().kind, project::ItemKind::kMeasurement);
  EXPECT_EQ(project->resolve(items->back()), session.comparison()->recording.toStdString());
}

TEST_F(Window, picturesAreWrittenWithoutADisplay) {
  const QString trace = write("pipeline.json", kPipelineJson);
  QStringList notices;
  for (const char* name : {"out.png", "out.svg"}) {
    RenderCommand command;
    command.output = m_folder.filePath(QLatin1String(name));
    command.paths = {trace};
    command.options.width = 900;
    const auto done = runRender(command, notices);
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_GT(QFileInfo(command.output).size(), 500) << name;
  }
  RenderCommand wrong;
  wrong.output = QStringLiteral("/no/such/folder/out.png");
  wrong.paths = {trace};
  EXPECT_FALSE(runRender(wrong, notices));
  wrong.paths = {m_folder.filePath(QStringLiteral("missing.json"))};
  EXPECT_FALSE(runRender(wrong, notices));
}

TEST_F(Window, sharedTracesOpen) {
  namespace fs = std::filesystem;
  const fs::path traces = fs::path(CARACAL_SOURCE_DIR) / ".." / "shared" / "traces";
  if (!fs::exists(traces)) GTEST_SKIP() << "shared traces are not here: " << traces;
  m_window.open({QString::fromStdString((traces / "bytedance-pp-ST").string())});
  ASSERT_TRUE(opened());
  ASSERT_EQ(m_window.workspace().runs().size(), 1U);
  EXPECT_TRUE(m_window.workspace().runs()[0]->model) << m_window.workspace().runs()[0]->whyNoModel;
  EXPECT_FALSE(m_window.timeline().scene().bubbles.empty());
  EXPECT_TRUE(m_window.workspace().runs()[0]->prepared);
  // All ranks instead of stages, and back.
  for (const bool byRank : {true, false}) {
    m_window.findChild<QAction*>(QStringLiteral("view.byRank"))->trigger();
    ASSERT_TRUE(opened());
    const auto& rows = m_window.timeline().scene().rows;
    EXPECT_EQ(std::any_of(rows.begin(), rows.end(),
                          [](const Row& row) { return row.kind == RowKind::kStage; }),
              !byRank);
  }
}

}  // namespace
}  // namespace caracal::ui
