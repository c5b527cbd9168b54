#include "app/ui/measure/measure_panel.h"

#include <gtest/gtest.h>

#include <QComboBox>
#include <QLabel>
#include <QPushButton>
#include <QSignalSpy>
#include <QTest>

#include "app/ui/measure/measure_form.h"
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

// The box of a form row, and whether its second item can be chosen.
QComboBox* boxNamed(const MeasureForm& form, const QString& name) {
  for (QComboBox* box : form.findChildren<QComboBox*>()) {
    if (box->accessibleName() == name) return box;
  }
  return nullptr;
}

bool secondIsPossible(const QComboBox& box) {
  return (box.model()->flags(box.model()->index(1, 0)) & Qt::ItemIsEnabled) != 0;
}

QString wordsOf(const MeasureForm& form) {
  QString all;
  for (const QLabel* label : form.findChildren<QLabel*>())
    if (!label->isHidden()) all += label->text() + QLatin1Char('\n');
  return all;
}

TEST(MeasureForm, offersWhatCaracalRunHasAndSaysWhyNotElse) {
  JobBoard jobs;
  MeasureForm form(jobs);
  const auto profile = test::tinyProfile();
  form.setProfile(profile.get());
  QComboBox* backend = boxNamed(form, QStringLiteral("Backend"));
  QComboBox* ranks = boxNamed(form, QStringLiteral("Ranks are"));
  ASSERT_TRUE(backend != nullptr && ranks != nullptr);
  EXPECT_FALSE(secondIsPossible(*backend) || secondIsPossible(*ranks)) << "not asked yet";
  form.setAbilities(runs::RunAbilities{"no driver", {}, "no MPI"});
  EXPECT_FALSE(secondIsPossible(*backend) || secondIsPossible(*ranks));
  EXPECT_TRUE(wordsOf(form).contains(QStringLiteral("no driver")));
  EXPECT_TRUE(wordsOf(form).contains(QStringLiteral("no MPI")));
  form.setAbilities(runs::RunAbilities{"", {"H100"}, ""});
  EXPECT_TRUE(secondIsPossible(*backend) && secondIsPossible(*ranks));
  EXPECT_TRUE(wordsOf(form).contains(QStringLiteral("H100")));
  EXPECT_FALSE(wordsOf(form).contains(QStringLiteral("not possible")));
  form.setAbilities(fail(ErrorCode::kNotFound, "caracal-run is not there"));
  EXPECT_FALSE(secondIsPossible(*backend) || secondIsPossible(*ranks));
  EXPECT_TRUE(wordsOf(form).contains(QStringLiteral("caracal-run is not there")));
}

TEST(MeasureForm, showsWhatWasChosen) {
  JobBoard jobs;
  MeasureForm form(jobs);
  MeasureSettings settings;
  settings.backend = QStringLiteral("cuda");
  settings.processes = true;
  form.setSettings(settings);
  EXPECT_EQ(form.settings(), settings);
  QSignalSpy changed(&form, &MeasureForm::changed);
  boxNamed(form, QStringLiteral("Backend"))->setCurrentIndex(0);
  EXPECT_EQ(changed.count(), 1);
  EXPECT_TRUE(form.settings().backend.isEmpty());
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
