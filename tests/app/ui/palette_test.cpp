#include "app/ui/theme/palette.h"

#include <gtest/gtest.h>

#include <set>

namespace caracal::ui {
namespace {

TEST(Palette, everyPaintStandsOutInBothThemes) {
  for (const ThemeKind kind : {ThemeKind::kLight, ThemeKind::kDark}) {
    const Theme& t = theme(kind);
    for (const QColor& background : {t.background, t.rowAlternate, t.groupBand}) {
      for (size_t p = 0; p < t.paints.size(); ++p) {
        EXPECT_GE(contrast(t.paints[p], background), kLeastContrast - 0.01)
            << nameOf(kind).toStdString() << " " << labelOf(static_cast<Paint>(p)).toStdString();
      }
      EXPECT_GE(contrast(t.text, background), 7.0);
      EXPECT_GE(contrast(t.mutedText, background), 4.5);
    }
  }
}

TEST(Palette, contrastIsThatOfTheStandard) {
  EXPECT_NEAR(contrast(Qt::black, Qt::white), 21.0, 1e-6);
  EXPECT_NEAR(contrast(QColor(0x77, 0x77, 0x77), Qt::white), 4.48, 0.01);
}

TEST(Palette, bubblesAndRecomputationAreHatchedAndWorkIsNot) {
  EXPECT_NE(hatchOf(Paint::kRecompute), Hatch::kNone);
  EXPECT_EQ(hatchOf(Paint::kForward), Hatch::kNone);
  for (size_t c = 0; c < analysis::kIdleCauseCount; ++c) {
    EXPECT_NE(hatchOf(paintOf(static_cast<analysis::IdleCause>(c))), Hatch::kNone);
  }
}

TEST(Palette, textOnEveryPaintCanBeRead) {
  for (const ThemeKind kind : {ThemeKind::kLight, ThemeKind::kDark}) {
    for (const QColor& paint : theme(kind).paints) EXPECT_GE(contrast(textOn(paint), paint), 4.5);
  }
}

TEST(Palette, causesThatShareAHatchDifferInColour) {
  const Theme& t = theme(ThemeKind::kLight);
  std::set<std::pair<int, QRgb>> looks;
  for (size_t c = 0; c < analysis::kIdleCauseCount; ++c) {
    const Paint paint = paintOf(static_cast<analysis::IdleCause>(c));
    looks.insert({static_cast<int>(hatchOf(paint)), t.of(paint).rgb()});
  }
  EXPECT_EQ(looks.size(), analysis::kIdleCauseCount);
}

}  // namespace
}  // namespace caracal::ui
