#include "core/analysis/stragglers.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/analysis/profiler_steps.h"
#include "core/trace/polled_range.h"

namespace caracal::analysis {
namespace {

using trace::EventIndex;
using trace::EventKind;
using trace::Trace;

using StreamKernel = std::pair<int64_t, trace::NameId>;
using LastOfIteration = std::map<int32_t, std::map<uint32_t, EventIndex>>;  // iteration, rank index

// The iterations of all ranks together.
struct Iterations {
  int64_t beginNs = 0;
  double meanNs = 0;
};

std::optional<Iterations> iterationsOf(const Trace& trace, const ProfilerSteps& steps,
                                       const std::stop_token& stop) {
  std::set<int32_t> numbers;
  Span extent{std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()};
  for (uint32_t rank = 0; rank < trace.ranks().size(); ++rank) {
    for (const ProfilerSteps::Step& step : steps.ofRank(rank)) {
      numbers.insert(step.number);
      extent = {std::min(extent.beginNs, step.span.beginNs),
                std::max(extent.endNs, step.span.endNs)};
    }
  }
  if (numbers.empty()) return std::nullopt;
  // GPU work belongs to the iteration that launched it, and may end after it.
  for (const trace::Track& track : trace.tracks()) {
    if (stop.stop_requested()) break;
    for (const EventIndex e : trace::eventsOf(track, stop)) {
      if (trace::isGpuWork(trace.kind(e)) && steps.stepOf(track.rank, e) >= 0)
        extent.endNs = std::max(extent.endNs, trace.endNs(e));
    }
  }
  return Iterations{extent.beginNs,
                    static_cast<double>(extent.lengthNs()) / static_cast<double>(numbers.size())};
}

std::map<StreamKernel, LastOfIteration> lastLongKernels(const Trace& trace, const CommNames& comm,
                                                        const ProfilerSteps& steps,
                                                        double minimumNs,
                                                        const std::stop_token& stop) {
  CommKernelFilter filter(trace, comm);
  std::map<StreamKernel, LastOfIteration> last;
  for (const trace::Track& track : trace.tracks()) {
    if (stop.stop_requested()) break;
    for (const EventIndex e : trace::eventsOf(track, stop)) {
      if (static_cast<double>(trace.durationNs(e)) < minimumNs || !filter.isCommKernel(e)) continue;
      const int32_t iteration = steps.stepOf(track.rank, e);
      if (iteration <= 0 || track.id <= 0) continue;
      last[{track.id, trace.nameId(e)}][iteration][track.rank] = e;  // events are in time order
    }
  }
  return last;
}

// Mean over iterations of the standard deviation over ranks; nothing when no iteration has two.
std::optional<double> spread(const Trace& trace, const LastOfIteration& iterations) {
  double sum = 0;
  int count = 0;
  for (const auto& [iteration, ofRanks] : iterations) {
    if (ofRanks.size() < 2) continue;
    double mean = 0;
    for (const auto& [rank, e] : ofRanks) mean += static_cast<double>(trace.durationNs(e));
    mean /= static_cast<double>(ofRanks.size());
    double squares = 0;
    for (const auto& [rank, e] : ofRanks) {
      const double distance = static_cast<double>(trace.durationNs(e)) - mean;
      squares += distance * distance;
    }
    sum += std::sqrt(squares / static_cast<double>(ofRanks.size() - 1));
    ++count;
  }
  if (count == 0) return std::nullopt;
  return sum / count;
}

void addIteration(const Trace& trace, const Iterations& iterations, int32_t number,
                  const std::map<uint32_t, EventIndex>& ofRanks, Stragglers& result) {
  std::vector<int64_t> starts;
  for (const auto& [rank, e] : ofRanks) starts.push_back(trace.beginNs(e));
  std::sort(starts.rbegin(), starts.rend());
  const int64_t thresholdNs = starts[std::min(kStragglerCandidates, starts.size()) - 1];
  for (const auto& [rank, e] : ofRanks) {
    const int64_t startNs = trace.beginNs(e);
    result.samples.push_back({trace.ranks()[rank].rank, number,
                              static_cast<double>(startNs - iterations.beginNs) / iterations.meanNs,
                              startNs, startNs >= thresholdNs});
  }
}

}  // namespace

Result<Stragglers> findStragglers(const Trace& trace, const CommNames& comm,
                                  const std::stop_token& stop) {
  if (trace.ranks().size() < 2)
    return fail(ErrorCode::kCannotAnswer, "one rank has no stragglers; open the traces of all");
  const ProfilerSteps steps(trace, stop);
  const auto iterations = iterationsOf(trace, steps, stop);
  if (!iterations) {
    return fail(ErrorCode::kCannotAnswer,
                "no iterations: the trace has no \"ProfilerStep#N\" annotations; call "
                "torch.profiler's step() once an iteration (docs/recording.md), or see the table "
                "collectives for who came last");
  }
  const auto kernels =
      lastLongKernels(trace, comm, steps, iterations->meanNs * kLongCommShare, stop);
  auto best = kernels.end();
  double bestSpread = -1;
  for (auto candidate = kernels.begin(); candidate != kernels.end(); ++candidate) {
    const auto deviation = spread(trace, candidate->second);
    if (!deviation || *deviation <= bestSpread) continue;
    bestSpread = *deviation;
    best = candidate;
  }
  if (best == kernels.end()) {
    return fail(ErrorCode::kCannotAnswer,
                "no communication kernel of at least {} % of an iteration on two ranks",
                100 * kLongCommShare);
  }
  Stragglers result;
  result.stream = best->first.first;
  result.kernel = trace.names()[best->first.second];
  for (const auto& [number, ofRanks] : best->second)
    addIteration(trace, *iterations, number, ofRanks, result);
  return result;
}

}  // namespace caracal::analysis
