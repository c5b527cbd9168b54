#include "app/ui/window/main_window.h"

#include <gtest/gtest.h>

#include <QApplication>
#include <QDockWidget>
#include <QDropEvent>
#include <QMimeData>
#include <QSettings>
#include <filesystem>

#include "app/ui/panels/minimap.h"
#include "app/ui/panels/table_panel.h"
#include "app/ui/panels/table_places.h"
#include "app/ui/window/error_bar.h"
#include "app/ui/window/panel_docks.h"
#include "app/ui/window/settings.h"
#include "core/plan/plan_json.h"
#include "core/profile/profile_json.h"
#include "tests/app/ui/demo_profile.h"
#include "tests/app/ui/window_fixture.h"

namespace caracal::ui {
namespace {

using test::kKinetoJson;
using test::kPipelineJson;
using test::Window;

TEST_F(Window, startsEmptyAndSaysWhatToDo) {
  m_window.show();
  EXPECT_TRUE(m_window.workspace().runs().empty());
  EXPECT_FALSE(m_window.grab().isNull());
}

TEST_F(Window, opensATraceAndRemembersIt) {
  const QString path = write("rank0.json", kKinetoJson);
  m_window.open({path});
  ASSERT_TRUE(opened());
  ASSERT_EQ(m_window.workspace().runs().size(), 1U) << m_window.errorBar().words().toStdString();
  EXPECT_FALSE(m_window.timeline().scene().empty());
  EXPECT_TRUE(m_window.windowTitle().contains(QStringLiteral("rank0")));
  const auto settings = openSettings(m_folder.filePath(QStringLiteral("settings.ini")));
  m_window.close();
  settings->sync();
  EXPECT_EQ(recentFiles(*settings).value(0), QStringList{path});
}

TEST_F(Window, saysWhenAFileHasAnotherContentThanTheCachedRun) {
  const QString path = write("rank0.json", kKinetoJson);
  m_window.open({path});
  ASSERT_TRUE(opened());
  const auto time = std::filesystem::last_write_time(path.toStdString());
  std::string changed = kKinetoJson;
  changed.replace(changed.find("gemm"), 4, "conv");
  write("rank0.json", changed);
  std::filesystem::last_write_time(path.toStdString(), time);
  m_window.open({path});
  ASSERT_TRUE(opened());
  EXPECT_TRUE(m_window.errorBar().words().contains(QStringLiteral("another content")))
      << m_window.errorBar().words().toStdString();
  m_window.open({path});
  ASSERT_TRUE(opened());
  const trace::Trace& trace = *m_window.workspace().runs().back()->trace;
  EXPECT_NE(trace.names().find("conv"), trace::StringTable::kAbsent);
}

// The same ranks twice: before and after a change, say.
TEST_F(Window, recordingsOpenedTogetherBecomeRunsOfTheirOwn) {
  m_window.open({write("before.json", kKinetoJson), write("after.json", kKinetoJson)});
  ASSERT_TRUE(opened());
  ASSERT_EQ(m_window.workspace().runs().size(), 2U) << m_window.errorBar().words().toStdString();
  EXPECT_EQ(m_window.workspace().runs()[0]->name, "before");
  EXPECT_EQ(m_window.workspace().runs()[1]->name, "after");
  EXPECT_EQ(m_window.timeline().scene().runs.size(), 2U);
  EXPECT_TRUE(m_window.errorBar().words().contains(QStringLiteral("the same ranks")))
      << m_window.errorBar().words().toStdString();
}

TEST_F(Window, aFileThatCannotBeReadIsReportedInTheWindow) {
  m_window.show();
  m_window.open({write("broken.json", "{ this is not JSON")});
  ASSERT_TRUE(opened());
  EXPECT_TRUE(m_window.errorBar().isVisible());
  EXPECT_TRUE(m_window.errorBar().words().contains(QStringLiteral("broken.json")));
  EXPECT_TRUE(m_window.workspace().runs().empty());
  m_window.open({m_folder.filePath(QStringLiteral("nowhere.json"))});
  ASSERT_TRUE(opened());
  EXPECT_TRUE(m_window.errorBar().words().contains(QStringLiteral("nowhere.json")));
}

TEST_F(Window, aFailedOpenKeepsWhatWasThere) {
  m_window.open({write("rank0.json", kKinetoJson)});
  ASSERT_TRUE(opened());
  m_window.open({write("broken.json", "nothing")});
  ASSERT_TRUE(opened());
  EXPECT_EQ(m_window.workspace().runs().size(), 1U);
}

TEST_F(Window, aDroppedFileIsSetBesideAnOpenRun) {
  m_window.open({write("rank0.json", kKinetoJson)});
  ASSERT_TRUE(opened());
  QMimeData data;
  data.setUrls({QUrl::fromLocalFile(write("other.json", kKinetoJson))});
  // Qt delivers a drop to the widget that took the drag.
  QDragEnterEvent enter({10, 10}, Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
  QApplication::sendEvent(&m_window, &enter);
  QDropEvent drop({10, 10}, Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
  QApplication::sendEvent(&m_window, &drop);
  ASSERT_TRUE(opened());
  EXPECT_EQ(m_window.workspace().runs().size(), 2U);
}

TEST_F(Window, aProfileOpensThePlanAndItsPredictionAsATimeline) {
  m_window.open({write("p.json", profile::toJson(*test::demoProfile()))});
  ASSERT_TRUE(waitFor([this] { return m_window.workspace().prediction() != nullptr; }));
  ASSERT_TRUE(opened());
  EXPECT_TRUE(m_window.plan().ready());
  EXPECT_FALSE(m_window.timeline().scene().empty());
}

TEST_F(Window, aPlanWithoutItsProfileIsRefusedInWords) {
  const QString plan = write("plan.json", R"({"schema": "caracal.plan/1"})");
  m_window.open({plan});
  EXPECT_TRUE(m_window.errorBar().words().contains(QStringLiteral("profile")));
  m_window.errorBar().show({}, ErrorBar::Severity::kError);
  m_window.open({plan, write("pipeline.json", kPipelineJson)});  // brings no profile
  ASSERT_TRUE(opened());
  EXPECT_TRUE(m_window.errorBar().words().contains(QStringLiteral("profile")));
}

TEST_F(Window, aPlanOpensWithTheProfileNamedBesideIt) {
  const auto profile = test::demoProfile();
  plan::Plan plan = *startingPlan(*profile);
  plan.policy = "mine";
  const QString path = m_folder.filePath(QStringLiteral("plan.json"));
  ASSERT_TRUE(plan::savePlan(plan, *profile, path.toStdString()));
  m_window.open({path, write("p.json", profile::toJson(*profile))});
  ASSERT_TRUE(waitFor(
      [this] { return m_window.plan().ready() && m_window.plan().plan().policy == "mine"; }));
  EXPECT_TRUE(m_window.errorBar().words().isEmpty());
}

TEST_F(Window, layoutsBringTheirPanelsUp) {
  m_window.show();
  for (const char* name : {"plan", "compare", "analyse"}) m_window.showLayout(QLatin1String(name));
  EXPECT_TRUE(m_window.findChild<QDockWidget*>(QStringLiteral("details"))->isVisible());
  m_window.setTheme(ThemeKind::kDark);
  EXPECT_FALSE(m_window.grab().isNull());
}

// Three ranks that do the same all-reduces; rank 1 always comes last.
std::string rankWithCollectives(int rank) {
  std::string text = R"({"distributedInfo":{"rank":)" + std::to_string(rank) +
                     R"(,"world_size":3},"traceEvents":[)";
  for (int i = 0; i < 20; ++i) {
    const int begin = 1000 + 1000 * i + (rank == 1 ? 200 : 10 * rank);
    text += std::string(i > 0 ? "," : "") + R"({"ph":"X","cat":"kernel","name":")" +
            "ncclDevKernel_AllReduce_Sum_f32_RING_LL(x)" + R"(","pid":0,"tid":7,"ts":)" +
            std::to_string(begin) + R"(,"dur":)" + std::to_string(1500 + 1000 * i - begin) +
            R"(,"args":{"device":0,"stream":7,"Collective name":"allreduce","dtype":"Float",)" +
            R"("In msg nelems":1024,"Out msg nelems":1024,"Group size":3,)" +
            R"("Process Group Name":"0","Process Group Description":"default_pg",)" +
            R"("Process Group Ranks":"[0, 1, 2]"}})";
  }
  return text + "]}";
}

TEST_F(Window, collectivesAreMatchedListedAndGoneTo) {
  QStringList files;
  for (int rank = 0; rank < 3; ++rank) {
    files << write(("rank" + std::to_string(rank) + ".json").c_str(), rankWithCollectives(rank));
  }
  m_window.show();
  m_window.open(files);
  ASSERT_TRUE(opened());
  const RunPtr run = m_window.workspace().runs()[0];
  ASSERT_TRUE(run->prepared);
  ASSERT_TRUE(m_window.docks().raise(QStringLiteral("collectives")));
  ASSERT_TRUE(opened());
  auto* panel =
      m_window.findChild<QDockWidget*>(QStringLiteral("collectives"))->findChild<TablePanel*>();
  ASSERT_NE(panel, nullptr);
  ASSERT_EQ(panel->model().rowCount(), 20) << panel->words().toStdString();
  const trace::EventIndex last = eventOfRow(*run->prepared, *panel->model().table(), 5);
  ASSERT_TRUE(m_window.timeline().scene().runs[0].trace == run->trace);
  emit panel->eventChosen(run, last);
  const auto place = eventOf(m_window.timeline().scene(), m_window.timeline().selected());
  ASSERT_TRUE(place);
  EXPECT_EQ(place->event, last);
  EXPECT_EQ(run->trace->ranks()[run->trace->tracks()[run->trace->trackOf(last)].rank].rank, 1);
  EXPECT_EQ(m_window.timeline().selectedLinks().size(), 2U) << "both others waited for it";
  EXPECT_FALSE(m_window.docks().raise(QStringLiteral("nothing")));
}

TEST_F(Window, theClocksOfRanksAreShownAsAnalyzePrintsThem) {
  m_window.show();
  m_window.open({write("rank0.json", rankWithCollectives(0)),
                 write("rank1.json", rankWithCollectives(1)),
                 write("rank2.json", rankWithCollectives(2))});
  ASSERT_TRUE(opened());
  m_window.docks().raise(QStringLiteral("clocks"));
  ASSERT_TRUE(opened());
  auto* panel =
      m_window.findChild<QDockWidget*>(QStringLiteral("clocks"))->findChild<TablePanel*>();
  EXPECT_EQ(panel->model().rowCount(), 3);
  EXPECT_TRUE(panel->words().contains(QStringLiteral("ranks compare to within")))
      << panel->words().toStdString();
}

TEST_F(Window, aTableThatCannotBeMadeSaysWhy) {
  m_window.show();
  m_window.open({write("rank0.json", kKinetoJson)});
  ASSERT_TRUE(opened());
  m_window.docks().raise(QStringLiteral("collectives"));
  ASSERT_TRUE(opened());
  auto* panel =
      m_window.findChild<QDockWidget*>(QStringLiteral("collectives"))->findChild<TablePanel*>();
  EXPECT_EQ(panel->model().rowCount(), 0);
  EXPECT_TRUE(panel->words().contains(QStringLiteral("two ranks"))) << panel->words().toStdString();
}

TEST_F(Window, stepsAreFoldedAndUnfolded) {
  std::string steps = R"({"distributedInfo":{"rank":0},"traceEvents":[)";
  for (int s = 0; s < 4; ++s) {
    const std::string begin = std::to_string(1000 * s + 100);
    steps += R"({"ph":"X","cat":"user_annotation","name":"ProfilerStep#)" + std::to_string(s) +
             R"(","pid":9,"tid":9,"ts":)" + begin + R"(,"dur":900,"args":{}},)" +
             R"({"ph":"X","cat":"kernel","name":"gemm","pid":0,"tid":7,"ts":)" + begin +
             R"(,"dur":50,"args":{"device":0,"stream":7}})" + (s < 3 ? "," : "");
  }
  m_window.open({write("steps.json", steps + "]}")});
  ASSERT_TRUE(opened());
  const size_t rows = m_window.timeline().scene().rows.size();
  m_window.foldSteps();
  ASSERT_TRUE(opened());
  EXPECT_TRUE(m_window.timeline().scene().folded);
  EXPECT_EQ(m_window.timeline().scene().runs.size(), 4U);
  EXPECT_TRUE(m_window.findChild<Minimap*>()->isHidden());  // there is no whole run to show
  m_window.foldSteps();
  EXPECT_FALSE(m_window.findChild<Minimap*>()->isHidden());
  EXPECT_FALSE(m_window.timeline().scene().folded);
  EXPECT_EQ(m_window.timeline().scene().rows.size(), rows);
}

}  // namespace
}  // namespace caracal::ui
