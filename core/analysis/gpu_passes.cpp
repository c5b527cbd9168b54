#include "core/analysis/gpu_passes.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/analysis/group_roles.h"
#include "core/analysis/launch_ranges.h"
#include "core/analysis/pass_ranges.h"
#include "core/analysis/profiler_steps.h"
#include "core/analysis/stage_chain.h"
#include "core/analysis/trace_copy.h"
#include "core/analysis/transfers.h"

namespace caracal::analysis {
namespace {

using trace::EventIndex;
using trace::EventKind;
using trace::kNoIndex;
using trace::Pass;
using trace::Trace;
using trace::Track;

bool holdsPasses(const Trace& trace) {
  return trace.countOf(EventKind::kPass) > 0;
}

// One range's work on one rank.
struct GpuPass {
  const PassRange* range = nullptr;
  Span span;  // of its computation
};

struct Marks {
  std::vector<RankPassRanges> ranges;          // per rank index
  std::vector<const PassRange*> rangeOfEvent;  // null: in none
  std::vector<std::vector<GpuPass>> passes;    // per rank index, F, B, W and R
  std::vector<int32_t> stages;                 // per rank index; -1: the rank has no passes
  // Model chunk of each named stage, per rank index; empty where names state none.
  std::vector<std::map<int32_t, int32_t>> chunkOfStage;
  std::string passesFrom, stagesFrom, whyNot;
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

class Marker {
 public:
  Marker(const Trace& trace, const CommNames& comm) : m_trace(trace), m_comm(comm) {}

  Marks run() && {
    m_marks.ranges = findPassRanges(m_trace);
    m_marks.passesFrom = joinedSources(m_marks.ranges, &RankPassRanges::foundBy);
    if (m_marks.passesFrom.empty()) {
      m_marks.whyNot = joinedSources(m_marks.ranges, &RankPassRanges::whyNot);
    } else {
      assignEvents();
      if (havePasses()) placeRanks();
    }
    return std::move(m_marks);
  }

 private:
  uint32_t hostOf(uint32_t rank) const {
    const uint32_t host = m_trace.ranks()[rank].hostRank;
    return host == kNoIndex ? rank : host;
  }

  void assignEvents() {
    m_marks.rangeOfEvent.assign(m_trace.eventCount(), nullptr);
    m_marks.passes.resize(m_trace.ranks().size());
    const LaunchRanges launches(m_trace, m_marks.ranges);
    CommKernelFilter filter(m_trace, m_comm);
    PointToPoint pointToPoint(m_trace, m_comm);
    std::vector<std::map<const PassRange*, Span>> spans(m_trace.ranks().size());
    for (const Track& track : m_trace.tracks()) {
      if (track.kind != trace::TrackKind::kGpuStream) continue;
      for (EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
        if (!trace::isGpuWork(m_trace.kind(e)) || m_trace.launch(e) == kNoIndex) continue;
        const bool communicates = filter.isCommKernel(e);
        if (pointToPoint.is(e)) continue;
        const PassRange* range = launches.rangeOf(hostOf(track.rank), m_trace.launch(e));
        m_marks.rangeOfEvent[e] = range;
        const EventKind kind = m_trace.kind(e);
        const bool computes =
            (kind == EventKind::kKernel && !communicates) || kind == EventKind::kGraph;
        if (range == nullptr || range->pass == Pass::kOptimizer || !computes) continue;
        Span& span = spans[track.rank].try_emplace(range, m_trace.span(e)).first->second;
        span = {std::min(span.beginNs, m_trace.beginNs(e)), std::max(span.endNs, m_trace.endNs(e))};
      }
    }
    for (size_t rank = 0; rank < spans.size(); ++rank) {
      for (const auto& [range, span] : spans[rank]) m_marks.passes[rank].push_back({range, span});
    }
  }

  bool havePasses() {
    bool any = false;
    for (const std::vector<GpuPass>& passes : m_marks.passes) {
      const auto has = [&](Pass pass) {
        return std::any_of(passes.begin(), passes.end(),
                           [&](const GpuPass& p) { return p.range->pass == pass; });
      };
      if (passes.empty()) continue;
      any = true;
      if (has(Pass::kForward) && has(Pass::kBackward)) continue;
      m_marks.whyNot = fmt::format(
          "no GPU work is recorded as launched in the {} ranges of a rank: its launches are not "
          "recorded, or happen on a thread that nothing ties to them",
          has(Pass::kForward) ? "backward" : "forward");
      return false;
    }
    if (!any) {
      m_marks.whyNot = "no GPU work is recorded as launched in ranges of forward and backward work";
    }
    return any;
  }

  void placeRanks() {
    m_marks.stages.assign(m_trace.ranks().size(), -1);
    m_marks.chunkOfStage.resize(m_trace.ranks().size());
    if (placeByRecording() || !m_marks.whyNot.empty()) return;
    if (placeByNames() || !m_marks.whyNot.empty()) return;
    if (placeByGroups()) return;
    std::vector<int64_t> firstForwardNs(m_trace.ranks().size(), -1);
    for (size_t rank = 0; rank < m_marks.passes.size(); ++rank) {
      for (const GpuPass& pass : m_marks.passes[rank]) {
        if (pass.range->pass != Pass::kForward) continue;
        int64_t& first = firstForwardNs[rank];
        first = first < 0 ? pass.span.beginNs : std::min(first, pass.span.beginNs);
      }
    }
    const auto stages = stagesByTraffic(m_trace, m_comm, firstForwardNs);
    if (!stages) {
      m_marks.whyNot = stages.error().message;
      return;
    }
    m_marks.stages = *stages;
    const bool one = std::all_of(stages->begin(), stages->end(), [](int32_t s) { return s <= 0; });
    m_marks.stagesFrom = one ? "no sends or receives between ranks: one stage"
                             : "who sends to whom, and who begins first";
  }

  // Stages that names give each rank with passes; one empty set where they give none.
  std::vector<std::set<int32_t>> namedStages() const {
    std::vector<std::set<int32_t>> named(m_marks.passes.size());
    for (size_t rank = 0; rank < named.size(); ++rank) {
      for (const GpuPass& pass : m_marks.passes[rank]) {
        if (pass.range->stage >= 0) named[rank].insert(pass.range->stage);
      }
    }
    return named;
  }

  bool placeByRecording() {
    for (uint32_t rank = 0; rank < m_marks.passes.size(); ++rank) {
      if (m_marks.passes[rank].empty()) continue;
      if (m_trace.ranks()[rank].stage < 0) return false;
      m_marks.stages[rank] = m_trace.ranks()[rank].stage;
    }
    // Several named stages on a rank are chunks all the same.
    const auto named = namedStages();
    for (size_t rank = 0; rank < named.size(); ++rank) {
      if (named[rank].size() > 1) addChunks(rank, named[rank]);
    }
    m_marks.stagesFrom = "stage of each rank";
    return true;
  }

  void addChunks(size_t rank, const std::set<int32_t>& named) {
    for (const int32_t stage : named)
      m_marks.chunkOfStage[rank].emplace(stage,
                                         static_cast<int32_t>(m_marks.chunkOfStage[rank].size()));
  }

  // Chunks of an interleaved schedule lie as many stages apart as there are ranks; else (V-shaped
  // schedules) the pipeline has no one order of ranks.
  bool placeByNames() {
    const auto named = namedStages();
    int32_t apart = 0;
    for (size_t rank = 0; rank < named.size(); ++rank) {
      if (m_marks.passes[rank].empty()) continue;
      if (named[rank].empty()) return false;
      const std::vector<int32_t> stages(named[rank].begin(), named[rank].end());
      for (size_t i = 1; i < stages.size(); ++i) {
        const int32_t step = stages[i] - stages[i - 1];
        if (apart == 0) apart = step;
        if (step != apart || stages.front() >= apart) {
          m_marks.whyNot = fmt::format(
              "rank {} runs stages {}, which are no chunks of an interleaved schedule: such "
              "schedules can be shown but not explained",
              m_trace.ranks()[rank].rank, fmt::join(stages, ", "));
          return false;
        }
      }
      m_marks.stages[rank] = stages.front();
      if (stages.size() > 1) addChunks(rank, named[rank]);
    }
    m_marks.stagesFrom = "stages that the annotations name";
    return true;
  }

  bool placeByGroups() {
    const GroupRoles roles(m_trace, m_comm, [&](EventIndex e) {
      return m_marks.rangeOfEvent[e] == nullptr ? Pass::kNone : m_marks.rangeOfEvent[e]->pass;
    });
    for (uint32_t rank = 0; rank < m_marks.passes.size(); ++rank) {
      if (m_marks.passes[rank].empty()) continue;
      m_marks.stages[rank] = roles.placeOf(m_trace.ranks()[rank].rank, GroupRole::kPipeline).index;
      if (m_marks.stages[rank] < 0) return false;
    }
    m_marks.stagesFrom = "place in the pipeline-parallel process group";
    return true;
  }

  const Trace& m_trace;
  const CommNames& m_comm;
  Marks m_marks;
};

int32_t chunkOf(const Marks& marks, uint32_t rank, const PassRange& range) {
  const auto& chunks = marks.chunkOfStage[rank];
  const auto found = chunks.find(range.stage);
  return found != chunks.end() ? found->second : std::max(range.chunk, 0);
}

trace::EventArgs passArgs(trace::EventArgs args, const Marks& marks, uint32_t rank,
                          const PassRange& range) {
  args.step = range.step;
  args.microBatch = range.microBatch;
  args.pass = range.pass;
  if (range.pass == Pass::kOptimizer) return args;
  args.stage = marks.stages[rank];
  args.chunk = chunkOf(marks, rank, range);
  return args;
}

// The step, and the pass where there is one, of each GPU operation.
ArgsMap marksOfEvents(const Trace& trace, const Marks& marks, const ProfilerSteps& steps) {
  return [&](EventIndex e, std::optional<trace::EventArgs> args) {
    if (!trace::isGpuWork(trace.kind(e))) return args;
    const uint32_t rank = trace.tracks()[trace.trackOf(e)].rank;
    if (const PassRange* range = marks.rangeOfEvent[e]; range != nullptr) {
      args = passArgs(args.value_or(trace::EventArgs{}), marks, rank, *range);
    } else if (const int32_t step = steps.stepOf(rank, e); step >= 0) {
      if (!args) args.emplace();
      args->step = step;
    }
    return args;
  };
}

void addLanes(const Marks& marks, trace::TraceBuilder& copy) {
  for (uint32_t rank = 0; rank < marks.passes.size(); ++rank) {
    if (marks.passes[rank].empty()) continue;
    copy.rank(rank).stage = marks.stages[rank];
    const trace::TrackIndex lane =
        copy.addTrack({.kind = trace::TrackKind::kPassLane, .rank = rank, .label = "passes"});
    for (const GpuPass& pass : marks.passes[rank]) {
      copy.add({lane, EventKind::kPass, copy.intern(trace::name(pass.range->pass)),
                pass.span.beginNs, pass.span.lengthNs()},
               passArgs({}, marks, rank, *pass.range));
    }
  }
}

}  // namespace

std::shared_ptr<const Trace> markPasses(std::shared_ptr<const Trace> trace, const CommNames& comm) {
  if (holdsPasses(*trace)) return trace;
  const Marks marks = Marker(*trace, comm).run();
  if (!marks.whyNot.empty() || marks.stagesFrom.empty()) return trace;
  const GroupRoles roles(*trace, comm, [&](EventIndex e) {
    return marks.rangeOfEvent[e] == nullptr ? Pass::kNone : marks.rangeOfEvent[e]->pass;
  });
  const ProfilerSteps steps(*trace);
  trace::TraceBuilder copy = copyTrace(
      *trace, [](uint32_t, int64_t timeNs) { return timeNs; }, marksOfEvents(*trace, marks, steps));
  addLanes(marks, copy);
  for (uint32_t index = 0; index < copy.rankCount(); ++index) {
    trace::Rank& rank = copy.rank(index);
    if (rank.tensorIndex < 0) rank.tensorIndex = roles.placeOf(rank.rank, GroupRole::kTensor).index;
    if (rank.dataIndex < 0) rank.dataIndex = roles.placeOf(rank.rank, GroupRole::kData).index;
  }
  copy.meta()[kPassesFromKey] = marks.passesFrom;
  copy.meta()[kStagesFromKey] = marks.stagesFrom;
  return std::move(copy).finish();
}

std::string whyNoPasses(const Trace& trace, const CommNames& comm) {
  return holdsPasses(trace) ? std::string() : Marker(trace, comm).run().whyNot;
}

}  // namespace caracal::analysis
