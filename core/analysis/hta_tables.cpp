#include "core/analysis/hta_tables.h"

#include "core/analysis/figures.h"
#include "core/analysis/kernel_breakdown.h"
#include "core/analysis/stragglers.h"

namespace caracal::analysis {
namespace {

tl::unexpected<Error> nothingOnTheGpu() {
  return fail(ErrorCode::kCannotAnswer,
              "no GPU work in this trace; record with CUDA activities on (docs/recording.md)");
}

tl::unexpected<Error> noLaunches() {
  return fail(ErrorCode::kCannotAnswer,
              "no launches: the trace links no GPU work to the host call that launched it; record "
              "host activities too (docs/recording.md)");
}

DataTable typesTable(std::string name, const TableRequest& request, MemoryOperations memory) {
  DataTable table{std::move(name),
                  {{"kernelType"}, {"sumNs", Unit::kNs}, {"percentagePct", Unit::kPercent}},
                  {},
                  {}};
  for (const KernelTypeTime& row :
       kernelTypeTimes(request.trace(), request.comm, memory, request.stop))
    table.rows.push_back({row.types, row.sumNs, row.percentage});
  return table;
}

}  // namespace

Result<DataTable> temporalBreakdownTable(const TableRequest& request) {
  DataTable table{"temporal-breakdown",
                  {{"rank"},
                   {"device"},
                   {"idleNs", Unit::kNs},
                   {"computeNs", Unit::kNs},
                   {"nonComputeNs", Unit::kNs},
                   {"kernelNs", Unit::kNs},
                   {"idlePct", Unit::kPercent},
                   {"computePct", Unit::kPercent},
                   {"nonComputePct", Unit::kPercent}},
                  {},
                  {}};
  for (const DeviceFigures& row : deviceFigures(request.trace(), request.comm, {}, request.stop)) {
    const int64_t nonComputeNs = row.spanNs - row.computeNs - row.idleNs;
    table.rows.push_back({int64_t{row.rank}, row.device, row.idleNs, row.computeNs, nonComputeNs,
                          row.spanNs, percentOf(row.idleNs, row.spanNs),
                          percentOf(row.computeNs, row.spanNs),
                          percentOf(nonComputeNs, row.spanNs)});
  }
  return table;
}

Result<DataTable> overlapTable(const TableRequest& request) {
  DataTable table{"comm-overlap",
                  {{"rank"},
                   {"device"},
                   {"commNs", Unit::kNs},
                   {"overlapNs", Unit::kNs},
                   {"overlapPct", Unit::kPercent}},
                  {},
                  {}};
  for (const DeviceFigures& row : deviceFigures(request.trace(), request.comm, {}, request.stop)) {
    const int64_t overlapNs = row.commNs - row.exposedCommNs;
    table.rows.push_back(
        {int64_t{row.rank}, row.device, row.commNs, overlapNs, percentOf(overlapNs, row.commNs)});
  }
  return table;
}

Result<DataTable> kernelTypesTable(const TableRequest& request) {
  DataTable table = typesTable("kernel-types", request, MemoryOperations::kIgnored);
  if (table.rows.empty()) return nothingOnTheGpu();
  return table;
}

Result<DataTable> kernelTypesWithMemoryTable(const TableRequest& request) {
  DataTable table = typesTable("kernel-types-memory", request, MemoryOperations::kCounted);
  if (table.rows.empty()) return nothingOnTheGpu();
  return table;
}

Result<DataTable> kernelsTable(const TableRequest& request) {
  DataTable table{"kernels",
                  {{"rank"},
                   {"kernelType"},
                   {"name"},
                   {"calls"},
                   {"sumNs", Unit::kNs},
                   {"meanNs", Unit::kNs},
                   {"stdNs", Unit::kNs},
                   {"minNs", Unit::kNs},
                   {"maxNs", Unit::kNs}},
                  {},
                  {}};
  for (KernelStatistics& row : kernelStatistics(request.trace(), request.comm, request.stop)) {
    table.rows.push_back({int64_t{row.rank}, std::string(name(row.type)), std::move(row.name),
                          row.calls, row.sumNs, row.meanNs, row.stdNs, row.minNs, row.maxNs});
  }
  if (table.rows.empty()) return nothingOnTheGpu();
  return table;
}

Result<DataTable> idleBreakdownTable(const TableRequest& request) {
  DataTable table{
      "idle-breakdown",
      {{"rank"}, {"stream"}, {"idleCategory"}, {"idleNs", Unit::kNs}, {"idlePct", Unit::kPercent}},
      {},
      {fmt::format("kernel_wait is a gap under {} ns between operations launched in time",
                   request.kernelGapNs)}};
  for (const StreamGaps& row : streamGaps(request.trace(), request.kernelGapNs, request.stop)) {
    for (size_t cause = 0; cause < kGapCauseCount; ++cause) {
      table.rows.push_back({int64_t{row.rank}, row.stream,
                            std::string(name(static_cast<GapCause>(cause))), row.causeNs[cause],
                            percentOf(row.causeNs[cause], row.totalNs())});
    }
  }
  if (table.rows.empty()) return nothingOnTheGpu();
  return table;
}

Result<DataTable> stragglersTable(const TableRequest& request) {
  CARACAL_TRY(stragglers, findStragglers(request.trace(), request.comm, request.stop));
  DataTable table{
      "stragglers",
      {{"iteration"},
       {"rank"},
       {"startNs", Unit::kTime},
       {"normalizedStart"},
       {"potentialStraggler"}},
      {},
      {fmt::format("judged by {} on stream {}: the communication kernel whose duration differs "
                   "most between ranks",
                   stragglers.kernel, stragglers.stream)}};
  for (const StragglerSample& row : stragglers.samples) {
    table.rows.push_back({int64_t{row.iteration}, int64_t{row.rank}, row.startNs,
                          row.normalizedStart, std::string(row.candidate ? "yes" : "no")});
  }
  return table;
}

Result<DataTable> queueLengthTable(const TableRequest& request) {
  DataTable table{"queue-length",
                  {{"rank"},
                   {"stream"},
                   {"count"},
                   {"mean"},
                   {"std"},
                   {"min"},
                   {"quantile25"},
                   {"quantile50"},
                   {"quantile75"},
                   {"max"},
                   {"fullNs", Unit::kNs}},
                  {},
                  {fmt::format("full: at least {} operations outstanding", kFullQueue)}};
  for (const QueueLength& row : queueLengths(request.trace(), request.stop)) {
    table.rows.push_back({int64_t{row.rank}, row.stream, row.changes, row.mean, row.std, row.least,
                          row.quarter, row.half, row.threeQuarters, row.most, row.fullNs});
  }
  if (table.rows.empty()) return noLaunches();
  return table;
}

Result<DataTable> launchesTable(const TableRequest& request) {
  DataTable table{"launches",
                  {{"rank"},
                   {"launches"},
                   {"shortKernels"},
                   {"longCalls"},
                   {"longDelays"},
                   {"medianCallNs", Unit::kNs},
                   {"medianOperationNs", Unit::kNs},
                   {"medianDelayNs", Unit::kNs}},
                  {},
                  {fmt::format("long: calls over {}, delays over {}; short: the operation takes "
                               "less than its call",
                               formatDuration(kLongCallNs), formatDuration(kLongDelayNs))}};
  for (const LaunchStatistics& row : launchStatistics(request.trace(), request.stop)) {
    table.rows.push_back({int64_t{row.rank}, row.launches, row.shortKernels, row.longCalls,
                          row.longDelays, row.medianCallNs, row.medianOperationNs,
                          row.medianDelayNs});
  }
  if (table.rows.empty()) return noLaunches();
  return table;
}

}  // namespace caracal::analysis
