#include "core/analysis/pass_ranges.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "core/analysis/annotation_names.h"
#include "core/analysis/autograd_links.h"
#include "core/analysis/linked_ranges.h"
#include "core/analysis/pass_numbers.h"
#include "core/analysis/profiler_steps.h"
#include "core/trace/polled_range.h"

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
    if (forward) {
      return take(addLinkedBackwards(m_ranges, m_autograd),
                  fmt::format("annotations of {} for forward work, autograd's links for backward",
                              fmt::join(m_frameworks, ", ")));
    }
    return take(addRangesOfLinks(m_ranges, m_autograd),
                "autograd's links from forward to backward operators");
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
    dropOptimizersAround();
    std::vector<PassRange> kept;
    for (const PassRange& range : m_ranges) {
      const bool inside = !kept.empty() && kept.back().thread == range.thread &&
                          range.span.beginNs < kept.back().span.endNs;
      if (!inside) kept.push_back(range);
    }
    m_ranges = std::move(kept);
    std::stable_sort(m_ranges.begin(), m_ranges.end(), byBegin);
  }

  // An optimizer that calls the passes itself (a closure, as PyTorch Lightning's) is no outer
  // range. REQUIRES: sorted by thread, begin, longer first.
  void dropOptimizersAround() {
    std::vector<PassRange> kept;
    for (auto range = m_ranges.begin(); range != m_ranges.end(); ++range) {
      const auto inside = [&](const PassRange& other) {
        return other.thread == range->thread && other.span.beginNs < range->span.endNs;
      };
      bool holdsPass = false;
      for (auto next = range + 1; next != m_ranges.end() && inside(*next) && !holdsPass; ++next)
        holdsPass = isPipelinePass(next->pass);
      if (range->pass != Pass::kOptimizer || !holdsPass) kept.push_back(*range);
    }
    m_ranges = std::move(kept);
  }

  // Takes the ranges with those that links add, or says why they do not tell.
  bool take(Result<std::vector<PassRange>> ranges, std::string foundBy) {
    if (!ranges) return refuse(ranges.error().message);
    m_ranges = std::move(*ranges);
    m_found.foundBy = std::move(foundBy);
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

std::vector<RankPassRanges> findPassRanges(const Trace& trace, const std::stop_token& stop) {
  const ProfilerSteps steps(trace, stop);
  const std::vector<Autograd> autograd = findAutograd(trace, stop);
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
    if (stop.stop_requested()) return std::vector<RankPassRanges>(trace.ranks().size());
    if (track.kind != trace::TrackKind::kCpuThread) continue;
    for (const EventIndex e : trace::eventsOf(track, stop)) {
      if (trace.kind(e) != trace::EventKind::kAnnotation) continue;
      const AnnotationMeaning& meaning = meanings[trace.nameId(e)];
      if (interleaved[trace.nameId(e)]) finders[track.rank].sawInterleaving();
      if (meaning.pass != Pass::kNone) finders[track.rank].add(meaning, track.id, trace.span(e));
    }
  }
  std::vector<RankPassRanges> found;
  for (RangeFinder& finder : finders) {
    if (stop.stop_requested()) return std::vector<RankPassRanges>(trace.ranks().size());
    found.push_back(std::move(finder).run());
  }
  return found;
}

}  // namespace caracal::analysis
