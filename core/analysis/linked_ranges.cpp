#include "core/analysis/linked_ranges.h"

#include <algorithm>
#include <limits>
#include <optional>

namespace caracal::analysis {
namespace {

using trace::Pass;

bool byBegin(const PassRange& a, const PassRange& b) {
  return a.span.beginNs < b.span.beginNs;
}

void widen(Span& span, const Span& by) {
  span = {std::min(span.beginNs, by.beginNs), std::max(span.endNs, by.endNs)};
}

tl::unexpected<Error> cannotTell(std::string_view why) {
  return fail(ErrorCode::kCannotAnswer, "{}", why);
}

// A range of forward work and the backward operators that its own link to.
struct Linked {
  PassRange forward;
  std::optional<PassRange> backward;
  bool oneThread = true;  // all backward operators ran on one thread
};

void addBackward(Linked& linked, const OperatorSpan& op) {
  if (!linked.backward) {
    linked.backward = PassRange{.thread = op.thread, .span = op.span, .pass = Pass::kBackward};
  } else {
    linked.oneThread = linked.oneThread && linked.backward->thread == op.thread;
    widen(linked.backward->span, op.span);
  }
}

// Gradients are accumulated and reduced behind the last linked operator: up to the next range.
void extendOverEngine(std::vector<PassRange>& backwards, const std::vector<PassRange>& ranges,
                      const std::vector<OperatorSpan>& operators) {
  for (size_t i = 0; i < backwards.size(); ++i) {
    PassRange& range = backwards[i];
    int64_t limitNs = i + 1 < backwards.size() ? backwards[i + 1].span.beginNs
                                               : std::numeric_limits<int64_t>::max();
    const auto next = std::partition_point(
        ranges.begin(), ranges.end(),
        [&](const PassRange& other) { return other.span.beginNs < range.span.endNs; });
    if (next != ranges.end()) limitNs = std::min(limitNs, next->span.beginNs);
    auto op = std::partition_point(operators.begin(), operators.end(), [&](const OperatorSpan& o) {
      return o.span.beginNs < range.span.endNs;
    });
    for (; op != operators.end() && op->span.beginNs < limitNs; ++op) {
      if (op->thread == range.thread) range.span.endNs = op->span.endNs;
    }
  }
}

// `ranges` with the backward ranges of the linked ones.
Result<std::vector<PassRange>> withBackwards(const std::vector<Linked>& linked,
                                             std::vector<PassRange> ranges,
                                             const Autograd& autograd) {
  std::vector<PassRange> backwards;
  for (const Linked& pair : linked) {
    if (!pair.backward) continue;
    if (!pair.oneThread)
      return cannotTell("the backward of one forward range runs on several threads");
    backwards.push_back(*pair.backward);
    backwards.back().microBatch = pair.forward.microBatch;
    backwards.back().stage = pair.forward.stage;
    backwards.back().chunk = pair.forward.chunk;
  }
  if (backwards.empty()) {
    return cannotTell(
        "forward work is marked but no backward work, and no autograd links lead from it: "
        "inference, or a profiler that did not see the backward threads");
  }
  std::stable_sort(backwards.begin(), backwards.end(), byBegin);
  for (size_t i = 1; i < backwards.size(); ++i) {
    if (backwards[i].span.beginNs < backwards[i - 1].span.endNs)
      return cannotTell("the backward work of several micro-batches interleaves");
  }
  extendOverEngine(backwards, ranges, autograd.operators);
  ranges.insert(ranges.end(), backwards.begin(), backwards.end());
  std::stable_sort(ranges.begin(), ranges.end(), byBegin);
  return ranges;
}

// Backward operators that begin before a moment.
class BackwardBegins {
 public:
  explicit BackwardBegins(const std::vector<AutogradLink>& links) {
    for (const AutogradLink& link : links) m_begins.push_back(link.backward.span.beginNs);
    std::sort(m_begins.begin(), m_begins.end());
  }
  std::ptrdiff_t before(int64_t timeNs) const {
    return std::lower_bound(m_begins.begin(), m_begins.end(), timeNs) - m_begins.begin();
  }

 private:
  std::vector<int64_t> m_begins;
};

// Forward operators between which no backward one begins, with their backward operators.
Result<std::vector<Linked>> stretchesOf(const std::vector<AutogradLink>& links) {
  const BackwardBegins backwards(links);
  std::vector<Linked> stretches;
  std::ptrdiff_t stretch = -1;
  for (const AutogradLink& link : links) {
    const std::ptrdiff_t before = backwards.before(link.forward.span.beginNs);
    if (stretches.empty() || before != stretch) {
      stretches.push_back(
          {{.thread = link.forward.thread, .span = link.forward.span, .pass = Pass::kForward},
           {},
           true});
    }
    stretch = before;
    Linked& current = stretches.back();
    if (current.forward.thread != link.forward.thread)
      return cannotTell("forward operators of one micro-batch run on several threads");
    widen(current.forward.span, link.forward.span);
    addBackward(current, link.backward);
  }
  return stretches;
}

}  // namespace

Result<std::vector<PassRange>> addLinkedBackwards(std::vector<PassRange> ranges,
                                                  const Autograd& autograd) {
  std::vector<Linked> linked;
  for (const PassRange& range : ranges) {
    if (range.pass == Pass::kForward) linked.push_back({range, {}, true});
  }
  for (const AutogradLink& link : autograd.links) {
    // The last forward range of the operator's thread that began by then.
    auto candidate = std::partition_point(linked.begin(), linked.end(), [&](const Linked& l) {
      return l.forward.span.beginNs <= link.forward.span.beginNs;
    });
    while (candidate != linked.begin() &&
           std::prev(candidate)->forward.thread != link.forward.thread)
      --candidate;
    if (candidate == linked.begin()) continue;
    --candidate;
    if (link.forward.span.endNs <= candidate->forward.span.endNs)
      addBackward(*candidate, link.backward);
  }
  return withBackwards(linked, std::move(ranges), autograd);
}

Result<std::vector<PassRange>> addRangesOfLinks(std::vector<PassRange> ranges,
                                                const Autograd& autograd) {
  if (autograd.links.empty() && autograd.operators.empty()) {
    return cannotTell(
        "no annotations of passes and no autograd links: forward work alone, or operators that "
        "were not recorded");
  }
  if (autograd.links.empty()) {
    return cannotTell(
        "no annotations of passes, and backward operators without links to their forward; name "
        "the ranges of forward and backward work with --hint, or record with a newer PyTorch");
  }
  CARACAL_TRY(linked, stretchesOf(autograd.links));
  for (size_t i = 0; i < linked.size(); ++i) {
    const bool ownStretch = linked[i].backward->span.beginNs >= linked[i].forward.span.endNs &&
                            (i + 1 == linked.size() ||
                             linked[i].backward->span.endNs <= linked[i + 1].forward.span.beginNs);
    if (!ownStretch) {
      return cannotTell(
          "no annotations of passes, and forward and backward operators of several "
          "micro-batches interleave");
    }
    ranges.push_back(linked[i].forward);
  }
  std::stable_sort(ranges.begin(), ranges.end(), byBegin);
  return withBackwards(linked, std::move(ranges), autograd);
}

}  // namespace caracal::analysis
