#include "core/analysis/stage_activity.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>
#include <utility>

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

LastEntries lastEntriesOf(const Trace& trace) {
  LastEntries entries;
  for (const MatchedCollective& match : matchCollectives(trace, CommNames{}).matched) {
    for (const CollectiveMember& member : match.members) entries[member.event] = match.lastStartNs;
  }
  return entries;
}

bool isPipelinePass(Pass pass) {
  return pass == Pass::kForward || pass == Pass::kBackward || pass == Pass::kWeight;
}

// The spans of one rank as they are found, track by track.
struct RawSpans {
  std::vector<Span> optimizer, operators, recomputes, repeated, passes;
  std::vector<Span> skew, transfer, windows, synchronisation, copies;
};

class ActivityReader {
 public:
  ActivityReader(const Trace& trace, const LastEntries& lastEntries, const StageRank& place)
      : m_trace(trace), m_lastEntries(lastEntries) {
    m_activity.place = place;
  }

  void read(const Track& track) {
    const Lane lane = laneOf(track);
    for (EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
      const EventArgs args = m_trace.args(e).value_or(EventArgs{});
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
        case EventKind::kMemcpy:
        case EventKind::kMemset:
          m_raw.copies.push_back(m_trace.span(e));
          break;
        default:
          break;
      }
    }
  }

  StageActivity finish() && {
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
    sortAll();
    if (!a.operators) resumesFromPasses();
    fillResumes();
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

  void addResume(Span span, const EventArgs& args) {
    m_activity.resumes.push_back({.beginNs = span.beginNs,
                                  .freeNs = span.endNs,  // its own end, until fillResumes()
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

  void sortAll() {
    StageActivity& a = m_activity;
    std::stable_sort(a.passes.begin(), a.passes.end(), [](const StepPass& x, const StepPass& y) {
      return x.pass.span.beginNs < y.pass.span.beginNs;
    });
    std::stable_sort(a.resumes.begin(), a.resumes.end(),
                     [](const Resume& x, const Resume& y) { return x.beginNs < y.beginNs; });
    const auto byBegin = [](const auto& x, const auto& y) {
      return x.span.beginNs < y.span.beginNs;
    };
    std::stable_sort(a.receives.begin(), a.receives.end(), byBegin);
    std::stable_sort(a.sends.begin(), a.sends.end(), byBegin);
  }

  void resumesFromPasses() {
    for (const StepPass& p : m_activity.passes) {
      addResume(p.pass.span, {.step = p.step,
                              .microBatch = p.pass.microBatch,
                              .chunk = p.pass.chunk,
                              .pass = p.pass.pass});
    }
    std::stable_sort(m_activity.resumes.begin(), m_activity.resumes.end(),
                     [](const Resume& x, const Resume& y) { return x.beginNs < y.beginNs; });
  }

  // Turns "own end" into "when the work before it ended", and marks the first work of each pass.
  void fillResumes() {
    int64_t freeNs = std::numeric_limits<int64_t>::min();
    const Resume* previous = nullptr;
    const auto passOf = [](const Resume& r) {
      return std::tie(r.step, r.pass, r.microBatch, r.chunk);
    };
    for (Resume& resume : m_activity.resumes) {
      const int64_t endNs = resume.freeNs;
      resume.startsPass = previous == nullptr || passOf(*previous) != passOf(resume);
      resume.freeNs =
          freeNs == std::numeric_limits<int64_t>::min() ? m_trace.range().beginNs : freeNs;
      freeNs = std::max(freeNs, endNs);
      previous = &resume;
    }
  }

  const Trace& m_trace;
  const LastEntries& m_lastEntries;
  StageActivity m_activity;
  RawSpans m_raw;
};

}  // namespace

std::vector<StageActivity> gatherActivities(const Trace& trace, const PipelineLayout& layout) {
  const LastEntries lastEntries = lastEntriesOf(trace);
  std::vector<ActivityReader> readers;
  std::vector<int> readerOfRank(trace.ranks().size(), -1);
  for (const StageRank& place : layout.ranks) {
    readerOfRank[place.rankIndex] = static_cast<int>(readers.size());
    readers.emplace_back(trace, lastEntries, place);
  }
  for (const Track& track : trace.tracks()) {
    if (readerOfRank[track.rank] >= 0)
      readers[static_cast<size_t>(readerOfRank[track.rank])].read(track);
  }
  std::vector<StageActivity> activities;
  for (ActivityReader& reader : readers) activities.push_back(std::move(reader).finish());
  return activities;
}

}  // namespace caracal::analysis
