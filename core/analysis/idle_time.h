// Splits idle time into causes so that the parts add up exactly.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "core/analysis/step_model.h"
#include "core/base/intervals.h"

namespace caracal::analysis {

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

}  // namespace caracal::analysis
