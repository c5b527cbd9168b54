#include "app/ui/panels/run_tables.h"

#include <gtest/gtest.h>

#include <QAbstractItemModelTester>
#include <QClipboard>
#include <QGuiApplication>

#include "app/ui/theme/tag_style.h"
#include "tests/app/ui/drawn_trace.h"

namespace caracal::ui {
namespace {

LoadedRun pipelineRun() {
  const auto pipeline = test::drawPipeline(3, 4, 2);
  return runFromTrace("drawn", pipeline.trace);
}

TEST(FigureTable, copiesTheSelectionOrEverythingWithItsHeader) {
  FigureTableView view;
  QAbstractItemModelTester tester(view.model(),
                                  QAbstractItemModelTester::FailureReportingMode::Warning);
  view.set(
      {{QStringLiteral("a"), QStringLiteral("b")},
       {{word(QStringLiteral("x")), duration(1500)}, {word(QStringLiteral("y")), bytes(2048)}}});
  EXPECT_EQ(view.asText(), QStringLiteral("a\tb\nx\t1.50 us\ny\t2.00 KiB\n"));
  view.selectRow(1);
  EXPECT_EQ(view.asText(), QStringLiteral("a\tb\ny\t2.00 KiB\n"));
  view.copy();
  EXPECT_EQ(QGuiApplication::clipboard()->text(), view.asText());
}

TEST(FigureTable, exactValuesAreInTheTooltips) {
  EXPECT_EQ(duration(1'234'567).toolTip, QStringLiteral("1234567 ns"));
  EXPECT_EQ(bytes(1'234'567).toolTip, QStringLiteral("1234567 B"));
}

TEST(RunTables, devicesShowTheFiguresOfCore) {
  const auto trace = test::drawTrace(
      {{"s", trace::TrackKind::kGpuStream, trace::EventKind::kKernel, 0, "AAAA....BB"}});
  const auto figures = analysis::deviceFigures(*trace, analysis::CommNames{});
  const FigureTable table = deviceTable(figures);
  ASSERT_EQ(table.rows.size(), 1U);
  EXPECT_EQ(table.rows[0][3].toolTip, QStringLiteral("60 ns"));
  EXPECT_EQ(table.rows[0][7].toolTip, QStringLiteral("40 ns"));
}

TEST(RunTables, stagesHaveOneColumnForEachCauseThatOccurs) {
  const LoadedRun run = pipelineRun();
  ASSERT_TRUE(run.model) << run.whyNoModel;
  const FigureTable table = stageTable(run, theme(ThemeKind::kLight));
  ASSERT_EQ(table.rows.size(), 3U);
  for (const auto& row : table.rows)
    EXPECT_EQ(row.size(), static_cast<size_t>(table.header.size()));
  for (size_t s = 0; s < 3; ++s) {
    const analysis::StageSummary& stage = run.model->stages[s];
    EXPECT_EQ(table.rows[s][3].toolTip, QStringLiteral("%1 ns").arg(stage.bubbleNs / stage.steps));
  }
}

TEST(RunTables, qualityCountsWhatTheImportDid) {
  trace::TraceBuilder builder;
  builder.addRank({});
  builder.report().count(trace::Defect::kNegativeDuration, 7);
  builder.report().notes.push_back("file.json: clock shifted");
  LoadedRun run = runFromTrace("broken", std::move(builder).finish());
  run.skipped.push_back({ErrorCode::kInvalidInput, "not JSON", "other.json"});
  const FigureTable table = qualityTable(run, theme(ThemeKind::kDark));
  EXPECT_EQ(table.rows[0][3].text, QStringLiteral("other.json: not JSON"));
  EXPECT_EQ(table.rows[1][1].text, QStringLiteral("7"));
  EXPECT_FALSE(table.rows[1][3].text.isEmpty());
}

TEST(RunTables, aCleanLoadSaysSo) {
  const FigureTable table = qualityTable(pipelineRun(), theme(ThemeKind::kLight));
  EXPECT_EQ(table.rows[0][0].text, QStringLiteral("clean"));
}

TEST(TagStyle, everyTagHasItsOwnGlyphAndColour) {
  const std::vector<trace::Tag> tags{trace::Tag::kMeasured, trace::Tag::kEmulated,
                                     trace::Tag::kSimulated, trace::Tag::kEstimated};
  for (size_t a = 0; a < tags.size(); ++a) {
    for (size_t b = a + 1; b < tags.size(); ++b) {
      EXPECT_NE(tagGlyph(tags[a]), tagGlyph(tags[b]));
      EXPECT_NE(tagColour(tags[a], theme(ThemeKind::kLight)),
                tagColour(tags[b], theme(ThemeKind::kLight)));
    }
  }
}

}  // namespace
}  // namespace caracal::ui
