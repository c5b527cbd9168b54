#include "app/ui/plan/plan_tables.h"

#include <QCoreApplication>
#include <algorithm>

#include "app/ui/qt_text.h"
#include "app/ui/theme/tag_style.h"
#include "core/base/format.h"

namespace caracal::ui {
namespace {

QString tr(const char* text) {
  return QCoreApplication::translate("PlanTables", text);
}
int64_t largestPeak(const sim::SimResult& result) {
  int64_t peak = 0;
  for (const sim::StageResult& stage : result.stages) peak = std::max(peak, stage.peakBytes);
  return peak;
}

Cell peakCell(int64_t peakBytes, int64_t budgetBytes, const Theme& theme) {
  Cell cell = bytes(peakBytes);
  if (budgetBytes > 0 && peakBytes > budgetBytes) {
    cell.colour = theme.error;
    cell.strong = true;
    cell.toolTip = tr("%1 over the budget").arg(toQt(formatBytes(peakBytes - budgetBytes)));
  }
  return cell;
}

// A time with its change against the first run's.
Cell compared(int64_t value, int64_t first, bool isFirst) {
  Cell cell = duration(value);
  if (!isFirst && first > 0 && value > 0) {
    const double change = analysis::changePct(first, value);
    cell.text += QStringLiteral("  (%1%2 %)")
                     .arg(change >= 0 ? QStringLiteral("+") : QString())
                     .arg(change, 0, 'f', 1);
  }
  return cell;
}

Cell tagCell(trace::Tag tag, const Theme& theme) {
  return {tagText(tag), tagToolTip(tag), tagColour(tag, theme), false, false};
}

void addStageRows(FigureTable& table, const analysis::RunSummary& run,
                  const analysis::RunSummary& first, bool isFirst) {
  for (const analysis::StageRun& stage : run.stages) {
    const auto same =
        std::find_if(first.stages.begin(), first.stages.end(),
                     [&](const analysis::StageRun& s) { return s.stage == stage.stage; });
    const analysis::StageRun base = same == first.stages.end() ? analysis::StageRun{} : *same;
    table.rows.push_back(
        {word(QString()), word(QString()), word(tr("stage %1").arg(stage.stage)), number({}),
         compared(stage.forwardNs, base.forwardNs, isFirst),
         compared(stage.backwardNs, base.backwardNs, isFirst),
         compared(stage.bubbleNs, base.bubbleNs, isFirst), duration(stage.recomputeHiddenNs),
         duration(stage.recomputeExposedNs),
         stage.peakBytes > 0 ? bytes(stage.peakBytes) : number(QStringLiteral("\u2013"))});
  }
}

}  // namespace

FigureTable predictionTable(const sim::SimResult& result, const Theme& theme) {
  FigureTable table;
  table.header = {tr("Stage"),
                  tr("Layers"),
                  tr("Peak"),
                  tr("Budget"),
                  tr("F per micro-batch"),
                  tr("B per micro-batch"),
                  tr("Bubble"),
                  tr("Recompute hidden"),
                  tr("Recompute exposed"),
                  tr("Static")};
  for (const sim::StageResult& s : result.stages) {
    table.rows.push_back({number(QString::number(s.stage)), number(QString::number(s.layers)),
                          peakCell(s.peakBytes, s.budgetBytes, theme),
                          s.budgetBytes > 0 ? bytes(s.budgetBytes) : number(tr("no limit")),
                          duration(s.forwardNs), duration(s.backwardNs), duration(s.bubbleNs),
                          duration(s.hiddenRecomputeNs), duration(s.exposedRecomputeNs),
                          bytes(s.staticBytes)});
  }
  const auto addWhereAny = [&](const QString& title, auto cell, int64_t sim::StageResult::*figure) {
    const bool any = std::any_of(result.stages.begin(), result.stages.end(),
                                 [&](const sim::StageResult& s) { return s.*figure > 0; });
    if (!any) return;
    table.header.push_back(title);
    for (size_t s = 0; s < result.stages.size(); ++s)
      table.rows[s].push_back(cell(result.stages[s].*figure));
  };
  addWhereAny(tr("On the host"), bytes, &sim::StageResult::hostBytes);
  addWhereAny(tr("Copies exposed"), duration, &sim::StageResult::exposedOffloadNs);
  addWhereAny(tr("Gradient reduction exposed"), duration, &sim::StageResult::exposedReduceNs);
  return table;
}

FigureTable trialTable(const std::vector<PolicyTrial>& trials, const Theme& theme) {
  FigureTable table;
  table.header = {tr("Policy"),       tr("Status"),           tr("Step"),
                  tr("Bubble"),       tr("Recompute hidden"), tr("Recompute exposed"),
                  tr("Largest peak"), tr("Remarks")};
  const PolicyTrial* best = nullptr;
  for (const PolicyTrial& trial : trials) {
    const bool fits = trial.result && trial.outcome.status != planner::PlanStatus::kInfeasible &&
                      trial.result->fits;
    if (fits && (best == nullptr || trial.result->stepNs < best->result->stepNs)) best = &trial;
  }
  for (const PolicyTrial& trial : trials) {
    std::vector<Cell> row{word(toQt(trial.policy))};
    row[0].strong = &trial == best;
    if (!trial.result) {
      row.insert(row.end(), {word(tr("no answer")), number({}), number({}), number({}), number({}),
                             number({}), word(toQt(trial.problem))});
      table.rows.push_back(std::move(row));
      continue;
    }
    int64_t hidden = 0;
    int64_t exposed = 0;
    for (const sim::StageResult& s : trial.result->stages) {
      hidden += s.hiddenRecomputeNs;
      exposed += s.exposedRecomputeNs;
    }
    Cell status = word(planner::name(trial.outcome.status));
    QString remark = trial.outcome.notes.empty() ? QString() : toQt(trial.outcome.notes.front());
    if (trial.outcome.status == planner::PlanStatus::kInfeasible) {
      status.colour = theme.error;
      remark = tr("needs %1 on stage %2")
                   .arg(toQt(formatBytes(trial.outcome.smallestBudgetBytes)))
                   .arg(trial.outcome.tightestStage);
    }
    Cell step = duration(trial.result->stepNs);
    step.strong = &trial == best;
    row.insert(row.end(), {status, step, percent(trial.result->bubblePct), duration(hidden),
                           duration(exposed), bytes(largestPeak(*trial.result)), word(remark)});
    table.rows.push_back(std::move(row));
  }
  return table;
}

FigureTable comparisonTable(const std::vector<analysis::RunSummary>& runs, const Theme& theme) {
  FigureTable table;
  table.header = {tr("Run"),
                  tr("Origin"),
                  tr("Part"),
                  tr("Step"),
                  tr("F per micro-batch"),
                  tr("B per micro-batch"),
                  tr("Bubble"),
                  tr("Recompute hidden"),
                  tr("Recompute exposed"),
                  tr("Peak")};
  for (size_t r = 0; r < runs.size(); ++r) {
    const analysis::RunSummary& run = runs[r];
    int64_t peak = 0;
    for (const analysis::StageRun& stage : run.stages) peak = std::max(peak, stage.peakBytes);
    Cell name = word(toQt(run.name));
    name.strong = true;
    Cell step = compared(run.stepNs, runs.front().stepNs, r == 0);
    step.strong = true;
    table.rows.push_back({name, tagCell(run.tag, theme), word(tr("whole step")), step, number({}),
                          number({}), percent(run.bubblePct), number({}), number({}),
                          peak > 0 ? bytes(peak) : number(QStringLiteral("\u2013"))});
    addStageRows(table, run, runs.front(), r == 0);
  }
  return table;
}

analysis::RunSummary summaryOf(const sim::SimResult& result, const plan::Plan& plan,
                               const std::string& hardware) {
  analysis::RunSummary run;
  run.name = plan.name.empty() ? plan.policy : plan.name;
  run.tag = trace::Tag::kSimulated;
  run.clock = "simulated";
  run.hardware = hardware;
  run.planHash = plan::hashOf(plan);
  run.steps = 1;
  run.stepNs = result.stepNs;
  run.pipelineNs = result.pipelineNs;
  run.bubblePct = result.bubblePct;
  for (const sim::StageResult& s : result.stages) {
    run.stages.push_back({s.stage, s.forwardNs, s.backwardNs, s.bubbleNs, s.hiddenRecomputeNs,
                          s.exposedRecomputeNs, s.peakBytes});
  }
  return run;
}

QString predictionWords(const sim::SimResult& result) {
  QString memory = toQt(formatBytes(largestPeak(result)));
  const bool over = !result.fits;
  return tr("step %1, bubble %2, largest peak %3%4")
      .arg(toQt(formatDuration(result.stepNs)), toQt(formatPercent(result.bubblePct)), memory,
           over ? tr(" (over the budget)") : QString());
}

QString replayWords(const Evaluation& evaluation) {
  if (!evaluation.replay) return {};
  return tr(", replay error %1").arg(toQt(fmt::format("{:+.1f} %", evaluation.replay->percent)));
}

QString searchWords(const planner::PlanOutcome& outcome) {
  QStringList parts{toQt(std::string(planner::name(outcome.status)))};
  if (outcome.boundNs > 0) {
    parts << tr("no step below %1 with this policy and partition")
                 .arg(toQt(formatDuration(outcome.boundNs)));
  }
  parts << tr("found in %1")
               .arg(toQt(formatDuration(static_cast<int64_t>(outcome.searchSeconds * 1e9))));
  return parts.join(QStringLiteral(", "));
}

}  // namespace caracal::ui
