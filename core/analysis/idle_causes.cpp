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

// What a rank's own kernels tell of its idle time in a region.
void takeKernelCauses(IdleTime& idle, const StageActivity& activity, Span region) {
  idle.take(clip(activity.collectiveSkew, region), IdleCause::kCollectiveSkew);
  idle.take(clip(activity.collectiveTransfer, region), IdleCause::kTensorTransfer);
  idle.take(clip(activity.dataTransfers, region), IdleCause::kDataParallel);
  idle.take(clip(activity.copies, region), IdleCause::kMemory);
  idle.take(clip(activity.launchGaps, region), IdleCause::kLaunch);
}

// Up to the last data-parallel work or optimizer of any rank; before the window: if there is such.
void explainOutsideOfWindow(IdleTime& idle, const StageActivity& activity, const StepSituation& s) {
  const Span head{s.step.beginNs, s.window.beginNs};
  const Span tail{s.window.endNs, s.step.endNs};
  if (activity.kernels) {
    takeKernelCauses(idle, activity, head);
    takeKernelCauses(idle, activity, tail);
  }
  if (!clip(s.synchronisation, head).empty()) idle.take(head, IdleCause::kDataParallel);
  const SpanSet inTail = clip(s.synchronisation, tail);
  if (!inTail.empty()) {
    idle.take(Span{tail.beginNs, inTail.spans().back().endNs}, IdleCause::kDataParallel);
  }
  for (const Span& region : {head, tail})
    idle.take(clip(activity.otherTransfers, region), IdleCause::kCommunication);
  idle.take(head, IdleCause::kUnexplained);
  idle.take(tail, IdleCause::kUnexplained);
}

}  // namespace

std::vector<Bubble> explainIdle(const StageActivity& activity, const DependencyWaits& waits,
                                const StepSituation& s) {
  IdleTime idle(complement(clip(activity.busy, s.step), s.step), s.step);
  explainOutsideOfWindow(idle, activity, s);
  idle.take(Span{s.step.beginNs, s.stageWork.beginNs}, IdleCause::kWarmup);
  idle.take(Span{s.stageWork.endNs, s.step.endNs}, IdleCause::kCooldown);
  idle.take(activity.collectiveSkew, IdleCause::kCollectiveSkew);
  idle.take(activity.collectiveTransfer, IdleCause::kTensorTransfer);
  idle.take(activity.copies, IdleCause::kMemory);
  idle.take(waits.upstream, IdleCause::kWaitUpstream);
  idle.take(waits.downstream, IdleCause::kWaitDownstream);
  idle.take(sendsOf(activity, s.step, TransferDirection::kForward), IdleCause::kWaitDownstream);
  idle.take(sendsOf(activity, s.step, TransferDirection::kBackward), IdleCause::kWaitUpstream);
  if (!activity.kernels) return std::move(idle).finish(IdleCause::kLaunch);
  idle.take(activity.dataTransfers, IdleCause::kDataParallel);
  idle.take(activity.launchGaps, IdleCause::kLaunch);
  idle.take(activity.otherTransfers, IdleCause::kCommunication);
  return std::move(idle).finish(IdleCause::kUnexplained);
}

CauseTimes sumByCause(const std::vector<Bubble>& bubbles) {
  CauseTimes causes{};
  for (const Bubble& bubble : bubbles) {
    causes[static_cast<size_t>(bubble.cause)] += bubble.span.lengthNs();
  }
  return causes;
}

}  // namespace caracal::analysis
