#include "app/ui/panels/data_table_model.h"

#include <gtest/gtest.h>

#include <QAbstractItemModelTester>

#include "app/ui/panels/padded_cells.h"
#include "app/ui/panels/table_places.h"
#include "core/trace/trace_builder.h"

namespace caracal::ui {
namespace {

DataTableModel::Table table() {
  return std::make_shared<const analysis::DataTable>(
      analysis::DataTable{"t",
                          {{"rank"}, {"longestWaitNs", analysis::Unit::kNs}, {"name"}},
                          {{int64_t{0}, int64_t{1500}, std::string("b")},
                           {int64_t{1}, {}, std::string("c")},
                           {int64_t{2}, int64_t{90}, std::string("a")}},
                          {}});
}

QStringList column(const DataTableModel& model, int c) {
  QStringList texts;
  for (int r = 0; r < model.rowCount(); ++r)
    texts << model.data(model.index(r, c), Qt::DisplayRole).toString();
  return texts;
}

TEST(DataTableModel, showsTheTableOfCoreWithUnits) {
  DataTableModel model;
  QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::Warning);
  model.set(table());
  EXPECT_EQ(column(model, 1),
            (QStringList{QStringLiteral("1.50 us"), QString(), QStringLiteral("90 ns")}));
  EXPECT_EQ(model.headerData(1, Qt::Horizontal, Qt::DisplayRole).toString(),
            QStringLiteral("longest wait"));
  EXPECT_EQ(model.data(model.index(0, 1), Qt::ToolTipRole).toString(), QStringLiteral("1500 ns"));
  model.set(nullptr);
  EXPECT_EQ(model.rowCount(), 0);
}

TEST(DataTableModel, sortsNumbersAsNumbersAndTheUnknownLast) {
  DataTableModel model;
  QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::Warning);
  model.set(table());
  const QPersistentModelIndex slowest = model.index(0, 1);
  model.sort(1, Qt::AscendingOrder);
  EXPECT_EQ(column(model, 0),
            (QStringList{QStringLiteral("2"), QStringLiteral("0"), QStringLiteral("1")}));
  EXPECT_EQ(slowest.row(), 1) << "a selected row stays selected";
  EXPECT_EQ(model.tableRow(0), 2U);
  model.sort(1, Qt::DescendingOrder);
  EXPECT_EQ(column(model, 0),
            (QStringList{QStringLiteral("0"), QStringLiteral("2"), QStringLiteral("1")}));
  model.sort(-1, Qt::AscendingOrder);
  model.sort(2, Qt::AscendingOrder);
  EXPECT_EQ(column(model, 2),
            (QStringList{QStringLiteral("a"), QStringLiteral("b"), QStringLiteral("c")}));
}

TEST(DataTableModel, namesAreSplitIntoWords) {
  EXPECT_EQ(spacedWords("longestWait"), QStringLiteral("longest wait"));
  EXPECT_EQ(spacedWords("residualP50"), QStringLiteral("residual P50"));
  EXPECT_EQ(spacedWords("rank"), QStringLiteral("rank"));
}

TEST(TablePlaces, aRowLeadsToTheEventItNames) {
  trace::TraceBuilder builder;
  builder.addRank({.rank = 4});
  builder.addTrack({.kind = trace::TrackKind::kGpuStream});
  for (int i = 0; i < 5; ++i)
    builder.add({0, trace::EventKind::kKernel, builder.intern(i == 3 ? "gemm" : "copy"),
                 100 * (i / 2), 10});
  analysis::PreparedRun run;
  run.trace = std::move(builder).finish();
  const analysis::DataTable path{"critical-path",
                                 {{"rank"}, {"startNs"}, {"name"}},
                                 {{int64_t{4}, int64_t{100}, std::string("gemm")},
                                  {int64_t{4}, int64_t{7}, std::string("gemm")},
                                  {int64_t{9}, int64_t{100}, std::string("gemm")}},
                                 {}};
  const trace::EventIndex event = eventOfRow(run, path, 0);
  ASSERT_NE(event, trace::kNoIndex);
  EXPECT_EQ(run.trace->name(event), "gemm");
  EXPECT_EQ(eventOfRow(run, path, 1), trace::kNoIndex);
  EXPECT_EQ(eventOfRow(run, path, 2), trace::kNoIndex);
}

// A number to the right of its column and a word to the left of the next one do not touch.
TEST(PaddedCells, haveRoomOnBothSides) {
  const QString shown = PaddedCells().displayText(QStringLiteral("12"), QLocale::c());
  EXPECT_EQ(shown.trimmed(), QStringLiteral("12"));
  EXPECT_TRUE(shown.front().isSpace());
  EXPECT_TRUE(shown.back().isSpace());
}

}  // namespace
}  // namespace caracal::ui
