#include "core/analysis/prepared_run.h"

#include <utility>

#include "core/analysis/gpu_passes.h"

namespace caracal::analysis {
namespace {

// Clocks far apart hide which calls belong together. Then calls of equal number on all ranks are
// taken in order, and believed when their ends keep step.
ClockModel fitFarClocks(const trace::Trace& trace, const CommNames& comm,
                        const TransferMatching& transfers, ClockModel near,
                        const std::stop_token& stop) {
  constexpr int64_t kInStepNs = 100'000;
  constexpr int64_t kLeastCalls = 16;
  const CollectiveMatching inOrder = matchCollectives(trace, comm, MatchOrder::kAnyTime, stop);
  if (stop.stop_requested()) return near;
  ClockModel far = fitClocks(trace, inOrder, transfers, stop);
  const bool better = far.observations > 2 * near.observations && far.observations >= kLeastCalls;
  return better && far.anyCorrected() && far.resolutionNs <= kInStepNs ? far : near;
}

}  // namespace

PreparedRun prepareRun(std::shared_ptr<const trace::Trace> trace, const CommNames& comm,
                       const std::stop_token& stop) {
  PreparedRun run{std::move(trace), {}, {}, {}};
  run.collectives = matchCollectives(*run.trace, comm, MatchOrder::kOverlapping, stop);
  run.transfers = matchTransfers(*run.trace, comm, stop);
  if (stop.stop_requested()) return run;
  run.clocks = fitClocks(*run.trace, run.collectives, run.transfers, stop);
  if (run.collectives.unmatchedEvents > 0)
    run.clocks = fitFarClocks(*run.trace, comm, run.transfers, std::move(run.clocks), stop);
  if (stop.stop_requested()) return run;
  if (run.clocks.anyCorrected()) {
    run.trace = alignClocks(run.trace, run.clocks, stop);
    run.collectives = matchCollectives(*run.trace, comm, MatchOrder::kOverlapping, stop);
    run.transfers = matchTransfers(*run.trace, comm, stop);
  }
  if (stop.stop_requested()) return run;
  // Adds lanes behind what is there: what was matched keeps its indices.
  run.trace = markPasses(run.trace, comm, stop);
  return run;
}

}  // namespace caracal::analysis
