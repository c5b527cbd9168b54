#include "core/profile/step_ends.h"

#include <cmath>
#include <unordered_map>

#include "core/analysis/collectives.h"
#include "core/base/statistics.h"

namespace caracal::profile {
namespace {

using trace::EventIndex;
using trace::Trace;

// The GPU work of one rank.
struct RankWork {
  SpanSet computation;
  SpanSet exposedTransfers;
};

class WorkFinder {
 public:
  explicit WorkFinder(const Trace& trace) : m_trace(trace), m_filter(trace, m_comm) {
    for (const auto& match : analysis::matchCollectives(trace, m_comm).matched) {
      for (const auto& member : match.members) m_transferNs[member.event] = match.transferNs;
    }
  }

  RankWork of(uint32_t rankIndex) {
    std::vector<Span> computation, transfers;
    for (const trace::Track& track : m_trace.tracks()) {
      if (track.rank != rankIndex || track.kind != trace::TrackKind::kGpuStream) continue;
      for (EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
        if (!trace::isGpuWork(m_trace.kind(e))) continue;
        const bool communicates = m_filter.isCommKernel(e);
        (communicates ? transfers : computation)
            .push_back(communicates ? transferOf(e) : m_trace.span(e));
      }
    }
    RankWork work{SpanSet(std::move(computation)), {}};
    work.exposedTransfers = subtract(SpanSet(std::move(transfers)), work.computation);
    return work;
  }

 private:
  // Until the last rank has come a collective waits.
  Span transferOf(EventIndex event) const {
    Span span = m_trace.span(event);
    const auto matched = m_transferNs.find(event);
    if (matched != m_transferNs.end())
      span.beginNs = std::max(span.beginNs, span.endNs - matched->second);
    return span;
  }

  const Trace& m_trace;
  analysis::CommNames m_comm;
  analysis::CommKernelFilter m_filter;
  std::unordered_map<EventIndex, int64_t> m_transferNs;
};

void fit(Profile& profile, int64_t LayerKind::*ofLayer, int64_t ModelEnd::*ofEnd,
         int64_t measuredNs) {
  int64_t estimatedNs = profile.first.*ofEnd + profile.last.*ofEnd;
  for (const uint32_t kind : profile.layers) estimatedNs += profile.kinds[kind].*ofLayer;
  if (estimatedNs == 0) return;
  const double factor = static_cast<double>(measuredNs) / static_cast<double>(estimatedNs);
  const auto scale = [factor](int64_t& ns) { ns = std::llround(static_cast<double>(ns) * factor); };
  for (LayerKind& kind : profile.kinds) scale(kind.*ofLayer);
  scale(profile.first.*ofEnd);
  scale(profile.last.*ofEnd);
}

}  // namespace

std::vector<StepEnd> findStepEnds(const Trace& trace, const analysis::StepModel& model) {
  WorkFinder finder(trace);
  std::unordered_map<uint32_t, RankWork> workOfRank;
  std::vector<StepEnd> ends;
  for (int32_t stage = 0; stage < model.stageCount; ++stage) {
    std::vector<int64_t> computation, transfers;
    for (const analysis::StageStep& step : model.stageSteps) {
      if (step.stage != stage) continue;
      auto [work, isNew] = workOfRank.try_emplace(step.rankIndex);
      if (isNew) work->second = finder.of(step.rankIndex);
      std::vector<Span> passes;
      for (const analysis::PassSpan& pass : step.passes) passes.push_back(pass.span);
      const SpanSet outside = complement(SpanSet(std::move(passes)), step.stepSpan);
      computation.push_back(intersect(work->second.computation, outside).lengthNs());
      transfers.push_back(intersect(work->second.exposedTransfers, outside).lengthNs());
    }
    ends.push_back({median(std::move(computation)), median(std::move(transfers))});
  }
  return ends;
}

void fitStepEnds(Profile& profile, const std::vector<StepEnd>& stages) {
  StepEnd all;
  for (const StepEnd& stage : stages) {
    all.computationNs += stage.computationNs;
    all.exposedTransferNs += stage.exposedTransferNs;
  }
  fit(profile, &LayerKind::optimizerNs, &ModelEnd::optimizerNs, all.computationNs);
  fit(profile, &LayerKind::gradientReduceNs, &ModelEnd::gradientReduceNs, all.exposedTransferNs);
}

}  // namespace caracal::profile
