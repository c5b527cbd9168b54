#include "core/analysis/tables.h"

#include "core/analysis/critical_tables.h"
#include "core/analysis/hta_tables.h"
#include "core/analysis/rank_tables.h"
#include "core/analysis/step_tables.h"
#include "core/analysis/structure_tables.h"
#include "core/trace/polled_range.h"

namespace caracal::analysis {
namespace {

// Every kernel that was taken for communication, so that the user can check the table of names.
Result<DataTable> commKernelsTable(const TableRequest& request) {
  DataTable table{"comm-kernels", {{"calls"}, {"kernel"}}, {}, {}};
  std::string parts = "communication is every kernel whose name holds one of:";
  for (const std::string& part : request.comm.parts) parts += ' ' + part;
  table.notes.push_back(std::move(parts));
  CommKernelFilter filter(request.trace(), request.comm);
  std::vector<int64_t> calls(request.trace().names().size());
  for (const trace::Track& track : request.trace().tracks()) {
    if (request.stop.stop_requested()) break;
    for (const trace::EventIndex e : trace::eventsOf(track, request.stop)) {
      if (filter.isCommKernel(e)) ++calls[request.trace().nameId(e)];
    }
  }
  for (trace::NameId id = 0; id < calls.size(); ++id) {
    if (calls[id] > 0) table.rows.push_back({calls[id], std::string(request.trace().names()[id])});
  }
  return table;
}

}  // namespace

const std::vector<TableKind>& tableKinds() {
  static const std::vector<TableKind> kKinds{
      {"temporal-breakdown", "per rank: idle, compute and other time of the GPU",
       temporalBreakdownTable},
      {"comm-overlap", "per rank: how much of communication ran beside computation", overlapTable},
      {"kernel-types", "over all ranks: time in computation, communication, and both at once",
       kernelTypesTable},
      {"kernel-types-memory", "the same with copies, sets and whole graphs as types",
       kernelTypesWithMemoryTable},
      {"kernels", "per rank and name: calls, sum, mean, deviation, least and most of a kernel",
       kernelsTable},
      {"idle-breakdown",
       "per stream: gaps that waited for the host, for the next kernel to start, or for other "
       "things",
       idleBreakdownTable},
      {"stragglers", "per iteration: ranks that came last to the most uneven collective",
       stragglersTable},
      {"queue-length", "per stream: how many operations were launched and not yet begun",
       queueLengthTable},
      {"launches", "per rank: host calls that launch, short kernels, late starts", launchesTable},
      {"idle-causes",
       "per stage, or per rank where no passes are marked: why compute was idle, adding up exactly",
       idleCausesTable},
      {"structure", "what is known of stages, groups, steps and passes, and how", structureTable},
      {"structure-ranks", "per rank: its place in the pipeline and the groups, and how it is known",
       structureRanksTable},
      {"collectives",
       "per group and kind: waiting and transfer taken apart, bandwidth, who came last",
       collectivesTable},
      {"collective-calls", "the same for every matched call", collectiveCallsTable},
      {"clock", "per rank: offset and drift of its clock, and how well they fit", clockTable},
      {"critical-path", "the chain of events, over all ranks, that made the run as long as it is",
       criticalPathTable},
      {"critical-kinds", "the critical path summed up by kind of work", criticalKindsTable},
      {"slack", "per event: how much longer it may take before the run does", slackTable},
      {"memory", "per rank and counter: memory over time, in 100 parts", memoryTable},
      {"memory-peaks", "per rank and counter: the peak, when it was, how often it changed",
       memoryPeaksTable},
      {"comm-kernels", "the kernels that were taken for communication", commKernelsTable},
  };
  return kKinds;
}

Result<DataTable> makeTable(std::string_view name, const TableRequest& request) {
  std::string known;
  for (const TableKind& kind : tableKinds()) {
    if (kind.name == name) {
      auto made = kind.make(request);
      // Whatever came of it then is not complete.
      if (request.stop.stop_requested())
        return fail(ErrorCode::kCancelled, "the table {} was stopped", name);
      CARACAL_TRY(table, std::move(made));
      table.originNs = request.trace().range().beginNs;
      return table;
    }
    known += (known.empty() ? "" : ", ") + std::string(kind.name);
  }
  return fail(ErrorCode::kNotFound, "no table is called \"{}\"; there are: {}", name, known);
}

}  // namespace caracal::analysis
