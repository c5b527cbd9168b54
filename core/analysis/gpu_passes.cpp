#include "core/analysis/gpu_passes.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/analysis/group_roles.h"
#include "core/analysis/launch_ranges.h"
#include "core/analysis/pass_ranges.h"
#include "core/analysis/pass_stages.h"
#include "core/analysis/profiler_steps.h"
#include "core/analysis/stated_sizes.h"
#include "core/analysis/trace_copy.h"
#include "core/analysis/transfers.h"
#include "core/trace/polled_range.h"

namespace caracal::analysis {
namespace {

using trace::EventIndex;
using trace::EventKind;
using trace::kNoIndex;
using trace::Pass;
using trace::Trace;
using trace::Track;

template <class Wanted>  // (EventKind) -> bool
bool holds(const Trace& trace, const std::stop_token& stop, Wanted wanted) {
  for (const EventIndex e : trace::eventsOf(trace, stop)) {
    if (wanted(trace.kind(e))) return true;
  }
  return false;
}

bool holdsPasses(const Trace& trace, const std::stop_token& stop) {
  return holds(trace, stop, [](EventKind kind) { return kind == EventKind::kPass; });
}

bool holdsGpuWork(const Trace& trace, const std::stop_token& stop) {
  return holds(trace, stop, [](EventKind kind) {
    return kind == EventKind::kKernel || kind == EventKind::kGraph;
  });
}

struct Marks {
  std::vector<RankPassRanges> ranges;  // per rank index; what `passes` point into
  GpuPasses passes;
  StagePlaces places;
  std::string passesFrom;
};

// Of the ranks, in order, without repetition.
std::string joinedSources(const std::vector<RankPassRanges>& ranges,
                          std::string RankPassRanges::*field) {
  std::set<std::string> sources;
  for (const RankPassRanges& rank : ranges) {
    if (!(rank.*field).empty()) sources.insert(rank.*field);
  }
  return fmt::format("{}", fmt::join(sources, "; "));
}

uint32_t hostOf(const Trace& trace, uint32_t rank) {
  const uint32_t host = trace.ranks()[rank].hostRank;
  return host == kNoIndex ? rank : host;
}

// Which range launched each GPU operation, and where the computation of each range lies.
GpuPasses passesOf(const Trace& trace, const CommNames& comm,
                   const std::vector<RankPassRanges>& ranges, const std::stop_token& stop) {
  GpuPasses found;
  found.ofRank.resize(trace.ranks().size());
  const PassRange* const none = nullptr;
  if (!trace::polledResize(found.rangeOfEvent, trace.eventCount(), none, stop)) return found;
  const LaunchRanges launches(trace, ranges, stop);
  CommKernelFilter filter(trace, comm);
  PointToPoint pointToPoint(trace, comm, stop);
  std::vector<std::map<const PassRange*, Span>> spans(trace.ranks().size());
  for (const Track& track : trace.tracks()) {
    if (stop.stop_requested()) break;
    if (track.kind != trace::TrackKind::kGpuStream) continue;
    for (const EventIndex e : trace::eventsOf(track, stop)) {
      if (!trace::isGpuWork(trace.kind(e)) || trace.launch(e) == kNoIndex) continue;
      const bool communicates = filter.isCommKernel(e);
      if (pointToPoint.is(e)) continue;
      const PassRange* range = launches.rangeOf(hostOf(trace, track.rank), trace.launch(e));
      found.rangeOfEvent[e] = range;
      const EventKind kind = trace.kind(e);
      const bool computes =
          (kind == EventKind::kKernel && !communicates) || kind == EventKind::kGraph;
      if (range == nullptr || range->pass == Pass::kOptimizer || !computes) continue;
      Span& span = spans[track.rank].try_emplace(range, trace.span(e)).first->second;
      span = {std::min(span.beginNs, trace.beginNs(e)), std::max(span.endNs, trace.endNs(e))};
    }
  }
  for (size_t rank = 0; rank < spans.size(); ++rank) {
    for (const auto& [range, span] : spans[rank]) found.ofRank[rank].push_back({range, span});
  }
  return found;
}

// Every rank with passes has forward and backward ones; else why not.
Result<void> checkPasses(const GpuPasses& found) {
  bool any = false;
  for (const std::vector<GpuPass>& passes : found.ofRank) {
    const auto has = [&](Pass pass) {
      return std::any_of(passes.begin(), passes.end(),
                         [&](const GpuPass& p) { return p.range->pass == pass; });
    };
    if (passes.empty()) continue;
    any = true;
    if (has(Pass::kForward) && has(Pass::kBackward)) continue;
    return fail(ErrorCode::kCannotAnswer,
                "no GPU work is recorded as launched in the {} ranges of a rank: its launches are "
                "not recorded, or happen on a thread that nothing ties to them",
                has(Pass::kForward) ? "backward" : "forward");
  }
  if (any) return {};
  return fail(ErrorCode::kCannotAnswer,
              "no GPU work is recorded as launched in ranges of forward and backward work");
}

Result<Marks> findMarks(const Trace& trace, const CommNames& comm, const std::stop_token& stop) {
  if (!holdsGpuWork(trace, stop)) {
    return fail(ErrorCode::kCannotAnswer,
                "the recording holds no GPU kernels: only the host was profiled, or an accelerator "
                "whose kernels are not recorded as such; record with CUDA activities on");
  }
  Marks marks;
  marks.ranges = findPassRanges(trace, stop);
  marks.passesFrom = joinedSources(marks.ranges, &RankPassRanges::foundBy);
  if (marks.passesFrom.empty())
    return fail(ErrorCode::kCannotAnswer, "{}",
                joinedSources(marks.ranges, &RankPassRanges::whyNot));
  marks.passes = passesOf(trace, comm, marks.ranges, stop);
  if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "finding passes was stopped");
  CARACAL_CHECK_OK(checkPasses(marks.passes));
  CARACAL_TRY(places, placeStages(trace, comm, marks.passes, stop));
  marks.places = std::move(places);
  return marks;
}

int32_t chunkOf(const Marks& marks, uint32_t rank, const PassRange& range) {
  const auto& chunks = marks.places.chunkOfStage[rank];
  const auto found = chunks.find(range.stage);
  return found != chunks.end() ? found->second : std::max(range.chunk, 0);
}

trace::EventArgs passArgs(trace::EventArgs args, const Marks& marks, uint32_t rank,
                          const PassRange& range) {
  args.step = range.step;
  args.microBatch = range.microBatch;
  args.pass = range.pass;
  if (range.pass == Pass::kOptimizer) return args;
  args.stage = marks.places.stages[rank];
  args.chunk = chunkOf(marks, rank, range);
  return args;
}

// The step, and the pass where there is one, of each GPU operation.
ArgsMap marksOfEvents(const Trace& trace, const Marks& marks, const ProfilerSteps& steps) {
  return [&](EventIndex e, std::optional<trace::EventArgs> args) {
    if (!trace::isGpuWork(trace.kind(e))) return args;
    const uint32_t rank = trace.tracks()[trace.trackOf(e)].rank;
    if (const PassRange* range = marks.passes.rangeOfEvent[e]; range != nullptr) {
      args = passArgs(args.value_or(trace::EventArgs{}), marks, rank, *range);
    } else if (const int32_t step = steps.stepOf(rank, e); step >= 0) {
      if (!args) args.emplace();
      args->step = step;
    }
    return args;
  };
}

void addLanes(const Marks& marks, trace::TraceBuilder& copy) {
  for (uint32_t rank = 0; rank < marks.passes.ofRank.size(); ++rank) {
    if (marks.passes.ofRank[rank].empty()) continue;
    copy.rank(rank).stage = marks.places.stages[rank];
    const trace::TrackIndex lane =
        copy.addTrack({.kind = trace::TrackKind::kPassLane, .rank = rank, .label = "passes"});
    for (const GpuPass& pass : marks.passes.ofRank[rank]) {
      copy.add({lane, EventKind::kPass, copy.intern(trace::name(pass.range->pass)),
                pass.span.beginNs, pass.span.lengthNs()},
               passArgs({}, marks, rank, *pass.range));
    }
  }
}

void placeInGroups(const GroupRoles& roles, trace::TraceBuilder& copy) {
  for (uint32_t index = 0; index < copy.rankCount(); ++index) {
    trace::Rank& rank = copy.rank(index);
    if (rank.tensorIndex < 0) rank.tensorIndex = roles.placeOf(rank.rank, GroupRole::kTensor).index;
    if (rank.dataIndex < 0) rank.dataIndex = roles.placeOf(rank.rank, GroupRole::kData).index;
  }
}

}  // namespace

std::shared_ptr<const Trace> markPasses(std::shared_ptr<const Trace> trace, const CommNames& comm,
                                        const std::stop_token& stop) {
  if (holdsPasses(*trace, stop)) return trace;
  const auto marks = findMarks(*trace, comm, stop);
  if (!marks) return trace;
  const GroupRoles roles(
      *trace, comm, [&](EventIndex e) { return marks->passes.passOf(e); }, stop);
  const ProfilerSteps steps(*trace, stop);
  trace::TraceBuilder copy = copyTrace(
      *trace, [](uint32_t, int64_t timeNs) { return timeNs; }, marksOfEvents(*trace, *marks, steps),
      stop);
  if (stop.stop_requested()) return trace;
  addLanes(*marks, copy);
  placeInGroups(roles, copy);
  copy.meta()[kPassesFromKey] = marks->passesFrom;
  copy.meta()[kStagesFromKey] = marks->places.foundBy;
  if (marks->places.stageCount > 0)
    copy.meta()[kStageCountKey] = std::to_string(marks->places.stageCount);
  if (!copy.pack(stop)) return trace;
  return std::move(copy).finish();
}

std::string whyNoPasses(const Trace& trace, const CommNames& comm, const std::stop_token& stop) {
  if (holdsPasses(trace, stop)) return {};
  const auto marks = findMarks(trace, comm, stop);
  return marks ? std::string() : marks.error().message;
}

}  // namespace caracal::analysis
