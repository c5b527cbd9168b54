#include "app/ui/render/command_line.h"

#include <gtest/gtest.h>

namespace caracal::ui {
namespace {

Result<CommandLine> parse(const QStringList& arguments) {
  return parseCommandLine(QStringList{QStringLiteral("caracal-ui")} + arguments);
}

TEST(CommandLine, filesOpenTogether) {
  const auto line = parse({QStringLiteral("a.json"), QStringLiteral("b.json.gz")});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->paths, (QStringList{QStringLiteral("a.json"), QStringLiteral("b.json.gz")}));
  EXPECT_FALSE(line->render);
}

TEST(CommandLine, aPictureTakesSizeTimesThemeAndView) {
  const auto line = parse({"--render", "x.png", "--size", "1200x700", "--from", "1.5ms", "--to",
                           "2s", "--theme", "dark", "--view", "compare", "t.json"});
  ASSERT_TRUE(line);
  ASSERT_TRUE(line->render);
  EXPECT_EQ(line->render->options.width, 1200);
  EXPECT_EQ(line->render->options.height, 700);
  EXPECT_EQ(line->render->options.fromNs, 1'500'000);
  EXPECT_EQ(line->render->options.toNs, 2'000'000'000);
  EXPECT_EQ(line->render->options.theme, ThemeKind::kDark);
  EXPECT_EQ(line->render->view, RenderView::kCompare);
}

TEST(CommandLine, aPictureOfTheWindowNamesThePanelInFront) {
  const auto line = parse({"--render", "x.png", "--panel", "clocks", "t.json"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->render->view, RenderView::kWindow);
  EXPECT_EQ(line->render->panel, QStringLiteral("clocks"));
}

TEST(CommandLine, mistakesAreNamed) {
  const QList<QStringList> wrong{{"--render", "x.png"},
                                 {"--theme", "purple", "t.json"},
                                 {"--render", "x.png", "--size", "big", "t.json"},
                                 {"--render", "x.png", "--width", "-4", "t.json"},
                                 {"--render", "x.png", "--from", "soon", "t.json"},
                                 {"--render", "x.png", "--view", "map", "t.json"},
                                 {"--no-such-option"}};
  for (const QStringList& arguments : wrong) {
    const auto line = parse(arguments);
    ASSERT_FALSE(line) << arguments.join(QLatin1Char(' ')).toStdString();
    EXPECT_EQ(line.error().code, ErrorCode::kInvalidInput);
    EXPECT_FALSE(line.error().message.empty());
  }
}

TEST(CommandLine, timesHaveUnits) {
  EXPECT_EQ(parseTime(QStringLiteral("12ms")), 12'000'000);
  EXPECT_EQ(parseTime(QStringLiteral(" 3.5 s ")), 3'500'000'000);
  EXPECT_EQ(parseTime(QStringLiteral("250us")), 250'000);
  EXPECT_EQ(parseTime(QStringLiteral("100")), 100);
  EXPECT_EQ(parseTime(QStringLiteral("-5ms")), -5'000'000);
  EXPECT_FALSE(parseTime(QStringLiteral("5 minutes")));
  EXPECT_FALSE(parseTime(QString()));
  EXPECT_FALSE(parseTime(QStringLiteral("1e300s")));
}

}  // namespace
}  // namespace caracal::ui
