#include "core/analysis/idle_causes.h"

#include <algorithm>
#include <utility>

namespace caracal::analysis {
namespace {

// Idle time that no rule has taken yet. Each take() moves time to a cause, so that the parts cover
// the whole exactly once whatever the rules are.
class IdleTime {
 public:
  IdleTime(SpanSet idle, Span step) : m_rest(std::move(idle)), m_step(step) {}

  void take(const SpanSet& region, IdleCause cause) {
    const SpanSet clipped = clip(region, m_step);
    const SpanSet taken = intersect(m_rest, clipped);
    for (const Span& span : taken.spans()) m_bubbles.push_back({span, cause});
    if (!taken.empty()) m_rest = subtract(m_rest, taken);
  }
  void take(Span region, IdleCause cause) { take(SpanSet({region}), cause); }

  std::vector<Bubble> finish(IdleCause causeOfTheRest) && {
    take(m_step, causeOfTheRest);
    std::sort(m_bubbles.begin(), m_bubbles.end(),
              [](const Bubble& a, const Bubble& b) { return a.span.beginNs < b.span.beginNs; });
    std::vector<Bubble> merged;
    for (const Bubble& bubble : m_bubbles) {
      const bool continues = !merged.empty() && merged.back().cause == bubble.cause &&
                             merged.back().span.endNs == bubble.span.beginNs;
      if (continues) {
        merged.back().span.endNs = bubble.span.endNs;
      } else {
        merged.push_back(bubble);
      }
    }
    return merged;
  }

 private:
  SpanSet m_rest;
  Span m_step;
  std::vector<Bubble> m_bubbles;
};

SpanSet sendsOf(const StageActivity& activity, Span step, TransferDirection direction) {
  const auto first =
      std::partition_point(activity.sends.begin(), activity.sends.end(),
                           [&](const Transfer& t) { return t.span.beginNs < step.beginNs; });
  std::vector<Span> spans;
  for (auto send = first; send != activity.sends.end() && send->span.beginNs < step.endNs; ++send) {
    if (send->direction == direction) spans.push_back(send->span);
  }
  return SpanSet(std::move(spans));
}

void explainOutsideOfWindow(IdleTime& idle, const StepSituation& s) {
  const Span head{s.step.beginNs, s.window.beginNs};
  if (!clip(s.synchronisation, head).empty()) idle.take(head, IdleCause::kDataParallel);
  const Span tail{s.window.endNs, s.step.endNs};
  const SpanSet inTail = clip(s.synchronisation, tail);
  if (!inTail.empty()) {
    idle.take(Span{tail.beginNs, inTail.spans().back().endNs}, IdleCause::kDataParallel);
  }
  idle.take(head, IdleCause::kUnexplained);
  idle.take(tail, IdleCause::kUnexplained);
}

}  // namespace

std::vector<Bubble> explainIdle(const StageActivity& activity, const DependencyWaits& waits,
                                const StepSituation& s) {
  IdleTime idle(complement(clip(activity.busy, s.step), s.step), s.step);
  explainOutsideOfWindow(idle, s);
  idle.take(Span{s.step.beginNs, s.stageWork.beginNs}, IdleCause::kWarmup);
  idle.take(Span{s.stageWork.endNs, s.step.endNs}, IdleCause::kCooldown);
  idle.take(activity.collectiveSkew, IdleCause::kCollectiveSkew);
  idle.take(activity.collectiveTransfer, IdleCause::kTensorTransfer);
  idle.take(activity.copies, IdleCause::kMemory);
  idle.take(waits.upstream, IdleCause::kWaitUpstream);
  idle.take(waits.downstream, IdleCause::kWaitDownstream);
  idle.take(sendsOf(activity, s.step, TransferDirection::kForward), IdleCause::kWaitDownstream);
  idle.take(sendsOf(activity, s.step, TransferDirection::kBackward), IdleCause::kWaitUpstream);
  return std::move(idle).finish(IdleCause::kLaunch);
}

CauseTimes sumByCause(const std::vector<Bubble>& bubbles) {
  CauseTimes causes{};
  for (const Bubble& bubble : bubbles) {
    causes[static_cast<size_t>(bubble.cause)] += bubble.span.lengthNs();
  }
  return causes;
}

}  // namespace caracal::analysis
