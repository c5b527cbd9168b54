#include "app/ui/measure/measure_panel.h"

#include <gtest/gtest.h>

#include <QPushButton>
#include <QSignalSpy>
#include <QTest>

#include "app/ui/measure/pass_chart.h"
#include "tests/app/ui/tiny_profile.h"

namespace caracal::ui {
namespace {

runs::RunStep stepOf(int32_t number) {
  return {number, 5.0 / (number + 1), 100'000'000 + 1000 * number, 1 << 20, {1 << 20, 1 << 19}};
}

TEST(LivePlot, drawsNoneAFewAndVeryManySteps) {
  LivePlot plot;
  plot.resize(900, 200);
  for (const ThemeKind kind : {ThemeKind::kLight, ThemeKind::kDark}) {
    plot.setTheme(kind);
    plot.begin({5, 90'000'000, 1 << 20, 1 << 21});
    const QImage empty = plot.grab().toImage();
    for (int32_t s = 0; s < 3; ++s) plot.add(stepOf(s));
    EXPECT_NE(plot.grab().toImage(), empty);
    for (int32_t s = 3; s < 20'000; ++s) plot.add(stepOf(s));
    EXPECT_NE(plot.grab().toImage(), empty);
  }
  EXPECT_TRUE(plot.accessibleDescription().contains(QStringLiteral("step 20000")));
}

analysis::PassDifference passOf(int32_t stage, trace::Pass pass, int64_t beginNs) {
  return {stage, pass, 2, 0, {beginNs, 1000, 4}, {beginNs + 50, 1250, 7}};
}

TEST(PassChart, isGoneThroughWithTheArrowKeys) {
  PassChart chart;
  chart.resize(600, 200);
  chart.set({{passOf(0, trace::Pass::kForward, 0), passOf(0, trace::Pass::kBackward, 3000),
              passOf(1, trace::Pass::kForward, 1000)}});
  QSignalSpy chosen(&chart, &PassChart::chosen);
  for (const Qt::Key key : {Qt::Key_Right, Qt::Key_Right, Qt::Key_Left, Qt::Key_Escape})
    QTest::keyClick(&chart, key);
  std::vector<int> passes;
  for (const QList<QVariant>& call : chosen) passes.push_back(call.front().toInt());
  EXPECT_EQ(passes, (std::vector<int>{0, 1, 0, -1}));
  EXPECT_TRUE(chart.accessibleDescription().contains(QStringLiteral("F2 of stage 0")));
}

TEST(PassChart, aPassIsChosenOnItsPredictedAndOnItsMeasuredBlock) {
  PassChart chart;
  chart.resize(600, 200);
  chart.set({{passOf(0, trace::Pass::kForward, 0), passOf(0, trace::Pass::kBackward, 3000)}});
  chart.choose(1);
  const QImage marked = chart.grab().toImage();
  chart.choose(-1);
  // The frame of the chosen pass is on both of its blocks, one above the other.
  const QImage plain = chart.grab().toImage();
  int top = plain.height(), bottom = -1;
  for (int y = 0; y < plain.height(); ++y) {
    for (int x = 0; x < plain.width(); ++x) {
      if (plain.pixel(x, y) == marked.pixel(x, y)) continue;
      top = std::min(top, y);
      bottom = std::max(bottom, y);
    }
  }
  ASSERT_GT(bottom, top);
  const int x = 500;  // inside both blocks of the last pass
  QTest::mouseClick(&chart, Qt::LeftButton, {}, {x, top + 6});
  EXPECT_EQ(chart.chosenPass(), 1);
  chart.choose(-1);
  QTest::mouseClick(&chart, Qt::LeftButton, {}, {x, bottom - 6});
  EXPECT_EQ(chart.chosenPass(), 1);
}

TEST(PassTable, saysHowFarOffAPassIs) {
  const FigureTable table =
      passTable({{passOf(1, trace::Pass::kBackward, 500)}}, theme(ThemeKind::kLight));
  ASSERT_EQ(table.rows.size(), 1U);
  EXPECT_EQ(table.rows[0][0].text, QStringLiteral("B2 of stage 1"));
  EXPECT_EQ(table.rows[0].back().text, QStringLiteral("\u221220.0 %"));
  EXPECT_TRUE(table.rows[0].back().colour) << "20 % are worth a colour";
}

TEST(MeasurePanel, withoutAPlanItSaysWhatIsMissing) {
  JobBoard jobs;
  TimelineController timeline;
  Workspace workspace(jobs, timeline);
  PlanSession plan(jobs);
  MeasurePanel panel(jobs, workspace, plan);
  QPushButton* measure = nullptr;
  for (QPushButton* button : panel.findChildren<QPushButton*>()) {
    if (button->text() == QLatin1String("Measure")) measure = button;
  }
  ASSERT_NE(measure, nullptr);
  EXPECT_FALSE(measure->isEnabled());
  QSignalSpy evaluated(&plan, &PlanSession::evaluated);
  plan.setProfile(test::tinyProfile());
  EXPECT_TRUE(measure->isEnabled());
  ASSERT_TRUE(evaluated.wait(20000));
  panel.resize(1400, 400);
  for (const ThemeKind kind : {ThemeKind::kDark, ThemeKind::kLight}) {
    panel.setTheme(kind);
    EXPECT_FALSE(panel.grab().isNull());
  }
}

}  // namespace
}  // namespace caracal::ui
