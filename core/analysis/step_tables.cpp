#include "core/analysis/step_tables.h"

#include <algorithm>

#include "core/analysis/rank_idle.h"
#include "core/analysis/rank_tables.h"
#include "core/analysis/step_model.h"

namespace caracal::analysis {
namespace {

constexpr int64_t kMemoryBins = 100;

void addCauseColumns(DataTable& table) {
  for (size_t cause = 0; cause < kIdleCauseCount; ++cause)
    table.columns.push_back({std::string(name(static_cast<IdleCause>(cause))) + "Ns", Unit::kNs});
}

void addCauses(const CauseTimes& causes, std::vector<Cell>& row) {
  for (const int64_t ns : causes) row.emplace_back(ns);
}

DataTable stageCauses(const StepModel& model) {
  DataTable table{"idle-causes",
                  {{"stage"}, {"steps"}, {"stepNs", Unit::kNs}, {"busyNs", Unit::kNs}},
                  {},
                  {"sums over complete steps and replicas; causes add up to step less busy"}};
  addCauseColumns(table);
  for (const StageSummary& stage : model.stages) {
    std::vector<Cell> row{int64_t{stage.stage}, stage.steps, stage.stepNs, stage.busyNs};
    addCauses(stage.causes, row);
    table.rows.push_back(std::move(row));
  }
  return table;
}

DataTable rankCauses(const TableRequest& request, const std::vector<RankStep>& steps) {
  DataTable table{"idle-causes",
                  {{"rank"}, {"step"}, {"stepNs", Unit::kNs}, {"busyNs", Unit::kNs}},
                  {},
                  {"causes add up to step less busy; the trace marks no passes, so that ranks and "
                   "not stages are explained"}};
  addCauseColumns(table);
  for (const RankStep& step : steps) {
    std::vector<Cell> row{int64_t{request.trace().ranks()[step.rankIndex].rank},
                          step.step >= 0 ? Cell(int64_t{step.step}) : Cell(), step.span.lengthNs(),
                          step.busyNs};
    addCauses(step.causes, row);
    table.rows.push_back(std::move(row));
  }
  return table;
}

tl::unexpected<Error> noMemory() {
  return fail(ErrorCode::kCannotAnswer,
              "no memory figures in this trace; record with profile_memory=True (PyTorch) or with "
              "caracal-run (docs/recording.md)");
}

bool isMemory(const trace::CounterSeries& series) {
  return series.unit == "bytes" && !series.values.empty();
}

// Least, most and last value of each of kMemoryBins parts of the series' time.
void addBins(const trace::Trace& trace, const trace::CounterSeries& series, DataTable& table) {
  const int64_t beginNs = series.timesNs.front();
  const int64_t lengthNs = std::max<int64_t>(1, series.timesNs.back() - beginNs);
  const int64_t binNs = (lengthNs + kMemoryBins) / kMemoryBins;
  size_t i = 0;
  while (i < series.values.size()) {
    const int64_t bin = (series.timesNs[i] - beginNs) / binNs;
    // What was allocated when the bin began counts in it.
    int64_t least = series.values[i == 0 ? 0 : i - 1];
    int64_t most = least;
    int64_t samples = 0;
    for (; i < series.values.size() && (series.timesNs[i] - beginNs) / binNs == bin; ++i) {
      least = std::min(least, series.values[i]);
      most = std::max(most, series.values[i]);
      ++samples;
    }
    table.rows.push_back({int64_t{trace.ranks()[series.rank].rank}, int64_t{series.device},
                          series.name, beginNs + bin * binNs, samples, least, most,
                          series.values[i - 1]});
  }
}

}  // namespace

Result<DataTable> idleCausesTable(const TableRequest& request) {
  if (const auto model = buildStepModel(request.trace(), request.stop)) return stageCauses(*model);
  const std::vector<RankStep> steps = explainRanks(request.run, request.comm, request.stop);
  if (steps.empty()) {
    return fail(ErrorCode::kCannotAnswer,
                "neither passes nor GPU work in this trace: nothing is known to be idle");
  }
  return rankCauses(request, steps);
}

Result<DataTable> memoryTable(const TableRequest& request) {
  DataTable table{"memory",
                  {{"rank"},
                   {"device"},
                   {"counter"},
                   {"beginNs", Unit::kTime},
                   {"samples"},
                   {"leastBytes", Unit::kBytes},
                   {"mostBytes", Unit::kBytes},
                   {"lastBytes", Unit::kBytes}},
                  {},
                  {"device -1 is the host, or not told"}};
  for (const trace::CounterSeries& series : request.trace().counters()) {
    if (request.stop.stop_requested()) break;
    if (isMemory(series)) addBins(request.trace(), series, table);
  }
  if (table.rows.empty()) return noMemory();
  return table;
}

Result<DataTable> memoryPeaksTable(const TableRequest& request) {
  DataTable table{"memory-peaks",
                  {{"rank"},
                   {"device"},
                   {"counter"},
                   {"samples"},
                   {"firstBytes", Unit::kBytes},
                   {"peakBytes", Unit::kBytes},
                   {"peakAtNs", Unit::kTime},
                   {"lastBytes", Unit::kBytes},
                   {"rises"},
                   {"falls"}},
                  {},
                  {"rises and falls: allocations and frees, where each is a sample"}};
  for (const trace::CounterSeries& series : request.trace().counters()) {
    if (request.stop.stop_requested()) break;
    if (!isMemory(series)) continue;
    const auto peak = std::max_element(series.values.begin(), series.values.end());
    int64_t rises = 0;
    int64_t falls = 0;
    for (size_t i = 1; i < series.values.size(); ++i) {
      rises += series.values[i] > series.values[i - 1] ? 1 : 0;
      falls += series.values[i] < series.values[i - 1] ? 1 : 0;
    }
    const auto at = static_cast<size_t>(peak - series.values.begin());
    table.rows.push_back({int64_t{request.trace().ranks()[series.rank].rank},
                          int64_t{series.device}, series.name,
                          static_cast<int64_t>(series.values.size()), series.values.front(), *peak,
                          series.timesNs[at], series.values.back(), rises, falls});
  }
  if (table.rows.empty()) return noMemory();
  return table;
}

}  // namespace caracal::analysis
