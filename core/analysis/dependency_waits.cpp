#include "core/analysis/dependency_waits.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <tuple>

#include "core/trace/polled_range.h"

namespace caracal::analysis {
namespace {

using trace::Pass;

TransferDirection neededBy(Pass pass) {
  if (pass == Pass::kForward) return TransferDirection::kForward;
  if (pass == Pass::kBackward) return TransferDirection::kBackward;
  return TransferDirection::kNone;
}

// The end of the last fitting receive that was under way while the stage was free.
std::optional<int64_t> arrivalByReceive(const StageActivity& activity, const Resume& resume) {
  const auto& receives = activity.receives;
  auto candidate = std::partition_point(receives.begin(), receives.end(), [&](const Transfer& t) {
    return t.span.beginNs < resume.beginNs;
  });
  while (candidate != receives.begin()) {
    --candidate;
    if (candidate->span.endNs <= resume.freeNs) return std::nullopt;
    const bool otherMicroBatch = candidate->microBatch >= 0 && resume.microBatch >= 0 &&
                                 candidate->microBatch != resume.microBatch;
    // Of a transfer that does not say its direction the work that follows it does.
    const bool fits = candidate->direction == neededBy(resume.pass) ||
                      candidate->direction == TransferDirection::kNone;
    if (fits && !otherMicroBatch) return candidate->span.endNs;
  }
  return std::nullopt;
}

// Ends of passes by what they are, to find the producer of a pass's input.
class Producers {
 public:
  Producers(const std::vector<StageActivity>& activities, const PipelineLayout& layout,
            const std::stop_token& stop)
      : m_lastStage(layout.stageCount - 1) {
    for (const StageActivity& activity : activities) {
      for (const StepPass& p : activity.passes) {
        const Key key{activity.place.replica, p.step,       p.pass.pass,
                      p.pass.microBatch,      p.pass.chunk, activity.place.stage};
        m_ends[key] = p.pass.span.endNs;
        m_lastChunk = std::max(m_lastChunk, p.pass.chunk);
      }
    }
    for (const StageActivity& activity : activities) {
      for (const size_t i : trace::placesOf(activity.resumes, stop)) {
        const Resume& resume = activity.resumes[i];
        if (!resume.startsPass) continue;
        const auto end = endOfProducer(activity.place, resume);
        if (!end) continue;
        int64_t& least = resume.pass == Pass::kForward ? m_leastForwardNs : m_leastBackwardNs;
        least = std::min(least, std::max<int64_t>(0, resume.beginNs - *end));
      }
    }
  }

  std::optional<int64_t> arrival(const StageRank& place, const Resume& resume) const {
    const auto end = endOfProducer(place, resume);
    if (!end) return std::nullopt;
    return *end + (resume.pass == Pass::kForward ? m_leastForwardNs : m_leastBackwardNs);
  }

 private:
  using Key = std::tuple<int32_t, int32_t, Pass, int32_t, int32_t, int32_t>;

  std::optional<int64_t> endOfProducer(const StageRank& place, const Resume& resume) const {
    int32_t stage = place.stage;
    int32_t chunk = resume.chunk;
    // Model chunks of an interleaved schedule follow each other around the stages.
    if (resume.pass == Pass::kForward) {
      if (--stage < 0) {
        stage = m_lastStage;
        --chunk;
      }
    } else if (resume.pass == Pass::kBackward) {
      if (++stage > m_lastStage) {
        stage = 0;
        ++chunk;
      }
    } else {
      return std::nullopt;
    }
    if (chunk < 0 || chunk > m_lastChunk) return std::nullopt;
    const auto found =
        m_ends.find(Key{place.replica, resume.step, resume.pass, resume.microBatch, chunk, stage});
    if (found == m_ends.end()) return std::nullopt;
    return found->second;
  }

  std::map<Key, int64_t> m_ends;
  int32_t m_lastStage = 0;
  int32_t m_lastChunk = 0;
  int64_t m_leastForwardNs = std::numeric_limits<int32_t>::max();
  int64_t m_leastBackwardNs = std::numeric_limits<int32_t>::max();
};

template <class Arrival>  // (const Resume&) -> std::optional<int64_t>
DependencyWaits waitsOf(const StageActivity& activity, const std::stop_token& stop,
                        Arrival arrival) {
  std::vector<Span> upstream;
  std::vector<Span> downstream;
  for (const size_t i : trace::placesOf(activity.resumes, stop)) {
    const Resume& resume = activity.resumes[i];
    if (!resume.startsPass || resume.freeNs >= resume.beginNs) continue;
    const std::optional<int64_t> arrived = arrival(resume);
    if (!arrived) continue;
    auto& waits = resume.pass == Pass::kForward ? upstream : downstream;
    waits.push_back({resume.freeNs, std::min(*arrived, resume.beginNs)});
  }
  return {SpanSet(std::move(upstream)), SpanSet(std::move(downstream))};
}

}  // namespace

WaitAnalysis findWaits(const std::vector<StageActivity>& activities, const PipelineLayout& layout,
                       const std::stop_token& stop) {
  WaitAnalysis result;
  const bool receives = std::any_of(activities.begin(), activities.end(),
                                    [](const StageActivity& a) { return !a.receives.empty(); });
  if (receives) {
    for (const StageActivity& activity : activities) {
      result.ofActivity.push_back(waitsOf(activity, stop, [&](const Resume& resume) {
        return arrivalByReceive(activity, resume);
      }));
    }
    result.fact = {"a stage waits until its receive ends", "receive events"};
    return result;
  }
  if (layout.stageCount == 1) {
    result.ofActivity.resize(activities.size());
    result.fact = {"no waits for neighbours", "one stage"};
    return result;
  }
  const Producers producers(activities, layout, stop);
  for (const StageActivity& activity : activities) {
    result.ofActivity.push_back(waitsOf(activity, stop, [&](const Resume& resume) {
      return producers.arrival(activity.place, resume);
    }));
  }
  result.fact = {
      "a stage waits until its neighbour's pass has ended and the least transfer seen is over",
      "no receive events: ends of the passes on neighbouring stages"};
  return result;
}

}  // namespace caracal::analysis
