#include "core/analysis/pass_ranges.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>
#include <tuple>
#include <utility>

#include "core/analysis/annotation_names.h"
#include "core/analysis/autograd_links.h"
#include "core/analysis/pass_numbers.h"
#include "core/analysis/profiler_steps.h"

namespace caracal::analysis {
namespace {

using trace::EventIndex;
using trace::Pass;
using trace::Trace;
using trace::Track;

bool holds(const std::vector<PassRange>& ranges, Pass pass) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const PassRange& range) { return range.pass == pass; });
}

bool byBegin(const PassRange& a, const PassRange& b) {
  return a.span.beginNs < b.span.beginNs;
}

void widen(Span& span, const Span& by) {
  span = {std::min(span.beginNs, by.beginNs), std::max(span.endNs, by.endNs)};
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

// Turns what one rank's annotations and links say into numbered ranges, or into why not.
class RangeFinder {
 public:
  RangeFinder(const ProfilerSteps& steps, uint32_t rankIndex, const Autograd& autograd)
      : m_steps(steps), m_rank(rankIndex), m_autograd(autograd) {
    m_found.backwardThreads.assign(autograd.threads.begin(), autograd.threads.end());
  }

  void add(const AnnotationMeaning& meaning, int64_t thread, Span span) {
    m_ranges.push_back({.thread = thread,
                        .span = span,
                        .pass = meaning.pass,
                        .microBatch = meaning.microBatch,
                        .stage = meaning.stage,
                        .chunk = meaning.chunk});
    if (isPipelinePass(meaning.pass)) m_frameworks.insert(name(meaning.framework));
  }
  void sawInterleaving() { m_interleaved = true; }

  RankPassRanges run() && {
    if (choose() && number()) {
      m_found.ranges = std::move(m_ranges);
    } else {
      m_found.foundBy.clear();
    }
    return std::move(m_found);
  }

 private:
  bool refuse(std::string why) {
    m_found.whyNot = std::move(why);
    return false;
  }

  bool choose() {
    keepNumbered();
    keepOutermost();
    const bool forward = holds(m_ranges, Pass::kForward);
    const bool backward = holds(m_ranges, Pass::kBackward);
    if (forward && backward) {
      m_found.foundBy = "annotations of " + fmt::format("{}", fmt::join(m_frameworks, ", "));
      return true;
    }
    if (backward) return refuse("annotations mark backward work but no forward work");
    if (forward) return addLinkedBackwards();
    return rangesOfLinks();
  }

  // "PP:0F3" inside "## forward ##": the ones with numbers are the passes.
  void keepNumbered() {
    if (!statesMicroBatches(m_ranges)) return;
    std::erase_if(m_ranges, [](const PassRange& range) {
      return isPipelinePass(range.pass) && range.microBatch < 0;
    });
  }

  void keepOutermost() {
    std::stable_sort(m_ranges.begin(), m_ranges.end(), [](const PassRange& a, const PassRange& b) {
      return std::tuple(a.thread, a.span.beginNs, -a.span.endNs) <
             std::tuple(b.thread, b.span.beginNs, -b.span.endNs);
    });
    std::vector<PassRange> kept;
    for (const PassRange& range : m_ranges) {
      const bool inside = !kept.empty() && kept.back().thread == range.thread &&
                          range.span.beginNs < kept.back().span.endNs;
      if (!inside) kept.push_back(range);
    }
    m_ranges = std::move(kept);
    std::stable_sort(m_ranges.begin(), m_ranges.end(), byBegin);
  }

  bool addLinkedBackwards() {
    std::vector<Linked> linked;
    for (const PassRange& range : m_ranges) {
      if (range.pass == Pass::kForward) linked.push_back({range, {}, true});
    }
    for (const AutogradLink& link : m_autograd.links) {
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
    if (!takeBackwards(linked)) return false;
    m_found.foundBy =
        fmt::format("annotations of {} for forward work, autograd's links for backward",
                    fmt::join(m_frameworks, ", "));
    return true;
  }

  // Backward ranges of the linked ones. Nothing where they do not tell.
  bool takeBackwards(std::vector<Linked>& linked) {
    std::vector<PassRange> backwards;
    for (size_t i = 0; i < linked.size(); ++i) {
      if (!linked[i].backward) continue;
      if (!linked[i].oneThread)
        return refuse("the backward of one forward range runs on several threads");
      backwards.push_back(*linked[i].backward);
      backwards.back().microBatch = linked[i].forward.microBatch;
      backwards.back().stage = linked[i].forward.stage;
      backwards.back().chunk = linked[i].forward.chunk;
    }
    if (backwards.empty()) {
      return refuse(
          "forward work is marked but no backward work, and no autograd links lead from it: "
          "inference, or a profiler that did not see the backward threads");
    }
    std::stable_sort(backwards.begin(), backwards.end(), byBegin);
    for (size_t i = 1; i < backwards.size(); ++i) {
      if (backwards[i].span.beginNs < backwards[i - 1].span.endNs)
        return refuse("the backward work of several micro-batches interleaves");
    }
    extendOverEngine(backwards);
    m_ranges.insert(m_ranges.end(), backwards.begin(), backwards.end());
    std::stable_sort(m_ranges.begin(), m_ranges.end(), byBegin);
    return true;
  }

  // Gradients are accumulated and reduced behind the last linked operator: up to the next range.
  void extendOverEngine(std::vector<PassRange>& backwards) const {
    for (size_t i = 0; i < backwards.size(); ++i) {
      PassRange& range = backwards[i];
      int64_t limitNs = i + 1 < backwards.size() ? backwards[i + 1].span.beginNs
                                                 : std::numeric_limits<int64_t>::max();
      const auto next = std::partition_point(
          m_ranges.begin(), m_ranges.end(),
          [&](const PassRange& other) { return other.span.beginNs < range.span.endNs; });
      if (next != m_ranges.end()) limitNs = std::min(limitNs, next->span.beginNs);
      auto op = std::partition_point(
          m_autograd.operators.begin(), m_autograd.operators.end(),
          [&](const OperatorSpan& o) { return o.span.beginNs < range.span.endNs; });
      for (; op != m_autograd.operators.end() && op->span.beginNs < limitNs; ++op) {
        if (op->thread == range.thread) range.span.endNs = op->span.endNs;
      }
    }
  }

  // Stretches of forward operators, each up to the next backward one.
  bool rangesOfLinks() {
    if (m_autograd.links.empty()) {
      return refuse(m_autograd.operators.empty()
                        ? "no annotations of passes and no autograd links"
                        : "no annotations of passes, and backward operators without links to "
                          "their forward");
    }
    std::vector<int64_t> backwardBegins;
    for (const AutogradLink& link : m_autograd.links)
      backwardBegins.push_back(link.backward.span.beginNs);
    std::sort(backwardBegins.begin(), backwardBegins.end());
    const auto backwardsBefore = [&](int64_t timeNs) {
      return std::lower_bound(backwardBegins.begin(), backwardBegins.end(), timeNs) -
             backwardBegins.begin();
    };
    std::vector<Linked> linked;
    std::ptrdiff_t stretch = -1;
    for (const AutogradLink& link : m_autograd.links) {
      const std::ptrdiff_t before = backwardsBefore(link.forward.span.beginNs);
      if (linked.empty() || before != stretch) {
        linked.push_back(
            {{.thread = link.forward.thread, .span = link.forward.span, .pass = Pass::kForward},
             {},
             true});
      }
      stretch = before;
      Linked& current = linked.back();
      if (current.forward.thread != link.forward.thread)
        return refuse("forward operators of one micro-batch run on several threads");
      widen(current.forward.span, link.forward.span);
      addBackward(current, link.backward);
    }
    for (size_t i = 0; i < linked.size(); ++i) {
      const bool ownStretch = linked[i].backward->span.beginNs >= linked[i].forward.span.endNs &&
                              (i + 1 == linked.size() || linked[i].backward->span.endNs <=
                                                             linked[i + 1].forward.span.beginNs);
      if (!ownStretch) {
        return refuse(
            "no annotations of passes, and forward and backward operators of several "
            "micro-batches interleave");
      }
      m_ranges.push_back(linked[i].forward);
    }
    std::stable_sort(m_ranges.begin(), m_ranges.end(), byBegin);
    if (!takeBackwards(linked)) return false;
    m_found.foundBy = "autograd's links from forward to backward operators";
    return true;
  }

  bool number() {
    if (m_interleaved && !statesMicroBatches(m_ranges)) {
      return refuse(
          "an interleaved schedule whose annotations name neither micro-batch nor model chunk");
    }
    auto why = numberPasses(m_ranges, m_steps, m_rank);
    return why.empty() || refuse(std::move(why));
  }

  const ProfilerSteps& m_steps;
  uint32_t m_rank = 0;
  const Autograd& m_autograd;
  bool m_interleaved = false;
  std::vector<PassRange> m_ranges;
  std::set<std::string_view> m_frameworks;
  RankPassRanges m_found;
};

// What the hint says of a name, else what the name says.
AnnotationMeaning passMeaning(const Trace& trace, std::string_view name) {
  const std::string forward = trace.metaOr(kForwardAnnotationKey, "");
  const std::string backward = trace.metaOr(kBackwardAnnotationKey, "");
  const AnnotationMeaning meaning = meaningOf(name);
  if (!forward.empty() && name == forward) return {Framework::kPassWords, Pass::kForward};
  if (!backward.empty() && name == backward) return {Framework::kPassWords, Pass::kBackward};
  const bool hinted = !forward.empty() || !backward.empty();
  // DualPipe's names are parts of a layer, not passes.
  if (meaning.framework == Framework::kDualPipe || (hinted && isPipelinePass(meaning.pass)))
    return {};
  return meaning;
}

}  // namespace

std::vector<RankPassRanges> findPassRanges(const Trace& trace) {
  const ProfilerSteps steps(trace);
  const std::vector<Autograd> autograd = findAutograd(trace);
  std::vector<AnnotationMeaning> meanings;
  std::vector<bool> interleaved;
  for (trace::NameId id = 0; id < trace.names().size(); ++id) {
    meanings.push_back(passMeaning(trace, trace.names()[id]));
    interleaved.push_back(trace.names()[id].find("pipelining_with_interleaving") !=
                          std::string_view::npos);
  }
  std::vector<RangeFinder> finders;
  for (uint32_t rank = 0; rank < trace.ranks().size(); ++rank)
    finders.emplace_back(steps, rank, autograd[rank]);
  for (const Track& track : trace.tracks()) {
    if (track.kind != trace::TrackKind::kCpuThread) continue;
    for (EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
      if (trace.kind(e) != trace::EventKind::kAnnotation) continue;
      const AnnotationMeaning& meaning = meanings[trace.nameId(e)];
      if (interleaved[trace.nameId(e)]) finders[track.rank].sawInterleaving();
      if (meaning.pass != Pass::kNone) finders[track.rank].add(meaning, track.id, trace.span(e));
    }
  }
  std::vector<RankPassRanges> found;
  for (RangeFinder& finder : finders) found.push_back(std::move(finder).run());
  return found;
}

}  // namespace caracal::analysis
