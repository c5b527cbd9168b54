#include "core/analysis/stage_activity.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "core/analysis/group_roles.h"
#include "core/analysis/launch_gaps.h"
#include "core/analysis/pass_ranges.h"
#include "core/analysis/stage_resumes.h"
#include "core/analysis/transfers.h"
#include "core/trace/args_of.h"
#include "core/trace/polled_range.h"

namespace caracal::analysis {
namespace {

using trace::EventArgs;
using trace::EventIndex;
using trace::EventKind;
using trace::kNoIndex;
using trace::Pass;
using trace::Trace;
using trace::Track;

// When the last member of an event's collective came; absent for events seen on one rank only.
using LastEntries = std::unordered_map<EventIndex, int64_t>;

LastEntries lastEntriesOf(const Trace& trace, const std::stop_token& stop) {
  LastEntries entries;
  const CollectiveMatching matching =
      matchCollectives(trace, CommNames{}, MatchOrder::kOverlapping, stop);
  for (const size_t i : trace::placesOf(matching.matched, stop)) {
    const MatchedCollective& match = matching.matched[i];
    for (const CollectiveMember& member : match.members) entries[member.event] = match.lastStartNs;
  }
  return entries;
}

// The spans of one rank as they are found, track by track.
struct RawSpans {
  std::vector<Span> optimizer, operators, recomputes, repeated, passes;
  std::vector<Span> skew, transfer, windows, synchronisation, copies;
  std::vector<Span> dataTransfers, otherTransfers;
  std::vector<EventIndex> kernels;  // computation
};

// What ranks share about the trace's kernels.
struct KernelFacts {
  CommKernelFilter filter;
  PointToPoint pointToPoint;
  GroupRoles roles;
  std::map<int32_t, int32_t> stageOfRank;  // by rank number
  int32_t stageCount = 1;
};

// A send or receive of a GPU; its direction is known once all passes are.
struct KernelTransfer {
  Span span;
  bool receives = false;
  int32_t peerStage = -1;  // -1: not recorded
};

class ActivityReader {
 public:
  ActivityReader(const Trace& trace, const LastEntries& lastEntries, KernelFacts& kernels,
                 const StageRank& place)
      : m_trace(trace), m_lastEntries(lastEntries), m_kernels(kernels) {
    m_activity.place = place;
  }

  void read(const Track& track, const std::stop_token& stop) {
    const Lane lane = laneOf(track);
    for (const EventIndex e : trace::eventsOf(track, stop)) {
      const EventArgs args = trace::argsOf(m_trace, e);
      switch (m_trace.kind(e)) {
        case EventKind::kPass:
          readPass(e, args);
          break;
        case EventKind::kCompute:
          readCompute(e, args);
          break;
        case EventKind::kRecompute:
          m_raw.recomputes.push_back(m_trace.span(e));
          break;
        case EventKind::kComm:
          readComm(e, args, lane);
          break;
        case EventKind::kKernel:
        case EventKind::kGraph:
          readKernel(e, args);
          break;
        case EventKind::kMemcpy:
        case EventKind::kMemset:
          m_raw.copies.push_back(m_trace.span(e));
          break;
        default:
          break;
      }
    }
  }

  StageActivity finish(const std::stop_token& stop) && {
    StageActivity& a = m_activity;
    a.operators = !m_raw.operators.empty() || !m_raw.recomputes.empty();
    const SpanSet optimizer(std::move(m_raw.optimizer));
    const SpanSet passes(std::move(m_raw.passes));
    const SpanSet recomputes(std::move(m_raw.recomputes));
    a.recompute = unite(recomputes, SpanSet(std::move(m_raw.repeated)));
    a.pipelineWork = unite(passes, recomputes);
    a.busy = a.operators ? unite(SpanSet(std::move(m_raw.operators)), recomputes) : passes;
    a.busy = unite(a.busy, optimizer);
    a.collectiveSkew = SpanSet(std::move(m_raw.skew));
    a.collectiveTransfer = SpanSet(std::move(m_raw.transfer));
    a.collectiveWindows = SpanSet(std::move(m_raw.windows));
    a.synchronisation = unite(SpanSet(std::move(m_raw.synchronisation)), optimizer);
    a.copies = SpanSet(std::move(m_raw.copies));
    a.dataTransfers = SpanSet(std::move(m_raw.dataTransfers));
    a.otherTransfers = SpanSet(std::move(m_raw.otherTransfers));
    a.launchGaps = SpanSet(launchGaps(m_trace, std::move(m_raw.kernels), stop));
    directTransfers();
    orderInTime(a, m_trace.range().beginNs, stop);
    return std::move(m_activity);
  }

 private:
  void readPass(EventIndex e, const EventArgs& args) {
    if (!isPipelinePass(args.pass)) return;
    m_raw.passes.push_back(m_trace.span(e));
    m_activity.passes.push_back(
        {std::max(args.step, 0),
         {e, args.pass, args.microBatch, std::max(args.chunk, 0), m_trace.span(e)}});
  }

  void readCompute(EventIndex e, const EventArgs& args) {
    const Span span = m_trace.span(e);
    if (args.pass == Pass::kOptimizer) {
      m_raw.optimizer.push_back(span);
    } else {
      m_raw.operators.push_back(span);
    }
    addResume(span, args);
  }

  void readKernel(EventIndex e, const EventArgs& args) {
    m_activity.kernels = true;
    if (m_kernels.filter.isCommKernel(e)) {
      readCommKernel(e, args);
      return;
    }
    m_raw.kernels.push_back(e);
    if (args.pass == Pass::kRecompute) {
      m_raw.recomputes.push_back(m_trace.span(e));
    } else {
      readCompute(e, args);
    }
  }

  void readCommKernel(EventIndex e, const EventArgs& args) {
    const Span span = m_trace.span(e);
    const GroupRole role = m_kernels.roles.of(args.group).role;
    // Between stages, unless it is part of a pass: then it is an all-to-all without metadata.
    if (role == GroupRole::kPipeline ||
        (m_kernels.pointToPoint.is(e) && m_kernels.stageCount > 1 && args.pass == Pass::kNone)) {
      const auto peer = m_kernels.stageOfRank.find(args.peer);
      m_transfers.push_back({span, args.collective != trace::CollectiveKind::kSend,
                             peer == m_kernels.stageOfRank.end() ? -1 : peer->second});
      return;
    }
    const auto entry = m_lastEntries.find(e);
    const int64_t lastEntry =
        entry == m_lastEntries.end() ? span.beginNs : std::min(entry->second, span.endNs);
    m_raw.skew.push_back({span.beginNs, lastEntry});
    const Span transfer{lastEntry, span.endNs};
    if (role == GroupRole::kData) {
      m_raw.dataTransfers.push_back(transfer);
      m_raw.synchronisation.push_back(span);
    } else if (role == GroupRole::kUnknown) {
      m_raw.otherTransfers.push_back(transfer);
    } else {
      m_raw.transfer.push_back(transfer);
      m_raw.windows.push_back(span);
    }
  }

  // Activations go to the next stage, and from the last to the first where there are model chunks.
  void directTransfers() {
    const bool chunks = std::any_of(m_activity.passes.begin(), m_activity.passes.end(),
                                    [](const StepPass& p) { return p.pass.chunk > 0; });
    const int32_t stages = m_kernels.stageCount;
    const int32_t own = m_activity.place.stage;
    for (const KernelTransfer& transfer : m_transfers) {
      const int32_t from = transfer.receives ? transfer.peerStage : own;
      const int32_t to = transfer.receives ? own : transfer.peerStage;
      const auto leads = [&](int32_t a, int32_t b) {
        return a + 1 == b || (chunks && (a + 1) % stages == b);
      };
      const bool forward = transfer.peerStage >= 0 && leads(from, to);
      const bool backward = transfer.peerStage >= 0 && leads(to, from);
      const TransferDirection direction = forward == backward ? TransferDirection::kNone
                                          : forward           ? TransferDirection::kForward
                                                              : TransferDirection::kBackward;
      auto& list = transfer.receives ? m_activity.receives : m_activity.sends;
      list.push_back({transfer.span, direction, -1});
    }
  }

  void addResume(Span span, const EventArgs& args) {
    m_activity.resumes.push_back({.beginNs = span.beginNs,
                                  .freeNs = span.endNs,  // its own end, until orderInTime()
                                  .pass = args.pass,
                                  .microBatch = args.microBatch,
                                  .chunk = std::max(args.chunk, 0),
                                  .step = std::max(args.step, 0)});
  }

  void readComm(EventIndex e, const EventArgs& args, Lane lane) {
    const Span span = m_trace.span(e);
    if (lane == Lane::kPipeline) {
      const TransferDirection direction = directionOf(m_trace.name(e));
      auto& list = isReceive(m_trace.name(e)) ? m_activity.receives : m_activity.sends;
      list.push_back({span, direction, args.microBatch});
    } else if (lane == Lane::kTensor) {
      const auto entry = m_lastEntries.find(e);
      const int64_t lastEntry =
          entry == m_lastEntries.end() ? span.beginNs : std::min(entry->second, span.endNs);
      m_raw.skew.push_back({span.beginNs, lastEntry});
      m_raw.transfer.push_back({lastEntry, span.endNs});
      // A collective that a recomputation repeats is no window but part of it: compute waits for
      // it.
      if (m_trace.name(e).starts_with("recompute.")) {
        m_raw.repeated.push_back(span);
      } else {
        m_raw.windows.push_back(span);
      }
    } else {
      m_raw.synchronisation.push_back(span);
    }
  }

  const Trace& m_trace;
  const LastEntries& m_lastEntries;
  KernelFacts& m_kernels;
  StageActivity m_activity;
  RawSpans m_raw;
  std::vector<KernelTransfer> m_transfers;
};

}  // namespace

std::vector<StageActivity> gatherActivities(const Trace& trace, const PipelineLayout& layout,
                                            const std::stop_token& stop) {
  const LastEntries lastEntries = lastEntriesOf(trace, stop);
  const CommNames comm;
  KernelFacts kernels{
      {trace, comm}, {trace, comm, stop}, {trace, comm, stop}, {}, layout.stageCount};
  for (const trace::Rank& rank : trace.ranks()) kernels.stageOfRank[rank.rank] = rank.stage;
  std::vector<ActivityReader> readers;
  std::vector<int> readerOfRank(trace.ranks().size(), -1);
  for (const StageRank& place : layout.ranks) {
    readerOfRank[place.rankIndex] = static_cast<int>(readers.size());
    readers.emplace_back(trace, lastEntries, kernels, place);
  }
  for (const Track& track : trace.tracks()) {
    if (stop.stop_requested()) return {};
    if (readerOfRank[track.rank] >= 0)
      readers[static_cast<size_t>(readerOfRank[track.rank])].read(track, stop);
  }
  std::vector<StageActivity> activities;
  for (ActivityReader& reader : readers) {
    if (stop.stop_requested()) return {};
    activities.push_back(std::move(reader).finish(stop));
  }
  return activities;
}

}  // namespace caracal::analysis
