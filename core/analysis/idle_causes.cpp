#include "core/analysis/idle_causes.h"

#include <utility>

#include "core/analysis/idle_time.h"

namespace caracal::analysis {
namespace {

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
