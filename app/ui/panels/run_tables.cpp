#include "app/ui/panels/run_tables.h"

#include <QCoreApplication>

#include "app/ui/qt_text.h"
#include "app/ui/theme/tag_style.h"

namespace caracal::ui {
namespace {

using analysis::IdleCause;

QString tr(const char* text) {
  return QCoreApplication::translate("RunTables", text);
}
// Causes that occur anywhere, so that the table has no empty columns.
std::vector<IdleCause> causesOf(const analysis::StepModel& model) {
  std::vector<IdleCause> causes;
  for (size_t c = 0; c < analysis::kIdleCauseCount; ++c) {
    for (const analysis::StageSummary& stage : model.stages) {
      if (stage.causes[c] > 0) {
        causes.push_back(static_cast<IdleCause>(c));
        break;
      }
    }
  }
  return causes;
}

Cell effectCell(trace::Effect effect, const Theme& theme) {
  switch (effect) {
    case trace::Effect::kRepaired:
      return {tr("repaired"), {}, theme.warning, false, false};
    case trace::Effect::kDropped:
      return {tr("dropped"), {}, theme.error, false, false};
    case trace::Effect::kNoted:
      return {tr("noted"), {}, theme.mutedText, false, false};
  }
  return {};
}

void addCounters(FigureTable& table, const trace::ImportReport& report, const Theme& theme) {
  for (size_t d = 0; d < static_cast<size_t>(trace::Defect::kCount); ++d) {
    const auto defect = static_cast<trace::Defect>(d);
    if (report.of(defect) == 0) continue;
    const trace::DefectInfo& info = trace::info(defect);
    table.rows.push_back({effectCell(info.effect, theme),
                          number(QString::number(report.of(defect))), word(info.name),
                          word(info.description)});
  }
}

}  // namespace

FigureTable deviceTable(const std::vector<analysis::DeviceFigures>& figures) {
  FigureTable table;
  table.header = {tr("Rank"),          tr("Device"),  tr("Span"), tr("Busy"),   tr("Compute"),
                  tr("Communication"), tr("Exposed"), tr("Idle"), tr("Overlap")};
  for (const analysis::DeviceFigures& f : figures) {
    table.rows.push_back({number(QString::number(f.rank)), word(toQt(f.device)), duration(f.spanNs),
                          duration(f.busyNs), duration(f.computeNs), duration(f.commNs),
                          duration(f.exposedCommNs), duration(f.idleNs), percent(f.overlapPct)});
  }
  return table;
}

FigureTable stageTable(const LoadedRun& run, const Theme& theme) {
  FigureTable table;
  if (!run.model) return table;
  const std::vector<IdleCause> causes = causesOf(*run.model);
  table.header = {tr("Stage"),
                  tr("Steps"),
                  tr("Step"),
                  tr("Bubble"),
                  tr("Bubble share"),
                  tr("F per micro-batch"),
                  tr("B per micro-batch")};
  const bool recomputes =
      std::any_of(run.model->stages.begin(), run.model->stages.end(),
                  [](const auto& s) { return s.recomputeHiddenNs + s.recomputeExposedNs > 0; });
  if (recomputes) table.header << tr("Recompute hidden") << tr("Recompute exposed");
  for (const IdleCause cause : causes)
    table.header << tr("Idle: %1").arg(toQt(analysis::label(cause)));
  for (const analysis::StageSummary& s : run.model->stages) {
    const int64_t steps = std::max<int64_t>(1, s.steps);
    std::vector<Cell> row{number(QString::number(s.stage)),
                          number(QString::number(s.steps)),
                          duration(s.stepNs / steps),
                          duration(s.bubbleNs / steps),
                          percent(s.bubblePct),
                          duration(s.forwardNs),
                          duration(s.backwardNs)};
    row[4].strong = true;
    if (recomputes) {
      row.push_back(duration(s.recomputeHiddenNs / steps));
      row.push_back(duration(s.recomputeExposedNs / steps));
    }
    for (const IdleCause cause : causes) {
      Cell cell = duration(s.causes[static_cast<size_t>(cause)] / steps);
      cell.colour = theme.of(paintOf(cause));
      row.push_back(std::move(cell));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

FigureTable qualityTable(const LoadedRun& run, const Theme& theme) {
  FigureTable table;
  table.header = {tr("Effect"), tr("Count"), tr("What"), tr("Meaning")};
  const Cell fact{tr("fact"), {}, theme.mutedText, false, false};
  for (const Error& skipped : run.skipped) {
    table.rows.push_back({{tr("left out"), {}, theme.error, false, false},
                          number(QStringLiteral("1")),
                          word(tr("file")),
                          word(toQt(skipped.text()))});
  }
  addCounters(table, run.trace->report(), theme);
  if (table.rows.empty()) {
    table.rows.push_back({word(tr("clean")), number(QStringLiteral("0")), word(tr("defects")),
                          word(tr("Nothing had to be repaired or dropped."))});
  }
  for (const std::string& note : run.trace->report().notes) {
    table.rows.push_back({{tr("note"), {}, theme.mutedText, false, false},
                          number({}),
                          word(tr("load")),
                          word(toQt(note))});
  }
  if (run.model) {
    for (const analysis::Fact& f : run.model->facts) {
      table.rows.push_back(
          {fact, number({}), word(toQt(f.what)), word(tr("found by %1").arg(toQt(f.foundBy)))});
    }
  } else if (!run.whyNoModel.empty()) {
    table.rows.push_back(
        {fact, number({}), word(tr("no pipeline view")), word(toQt(run.whyNoModel))});
  }
  for (const trace::Rank& rank : run.trace->ranks()) {
    table.rows.push_back({fact, number({}), word(tr("rank %1").arg(rank.rank)),
                          word(tr("found by %1, %2").arg(toQt(rank.foundBy), toQt(rank.file)))});
  }
  return table;
}

FigureTable detailsTable(const std::vector<BlockFact>& facts) {
  FigureTable table;
  table.header = {tr("What"), tr("Value")};
  for (const BlockFact& fact : facts) table.rows.push_back({word(fact.name), word(fact.value)});
  return table;
}

}  // namespace caracal::ui
