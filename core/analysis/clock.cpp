#include "core/analysis/clock.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <numeric>
#include <utility>

#include "core/analysis/recordings.h"
#include "core/base/statistics.h"
#include "core/trace/polled_range.h"

namespace caracal::analysis {
namespace {

using trace::CollectiveKind;
using trace::Trace;

constexpr int64_t kLeastObservations = 4;
constexpr int64_t kLeastCorrectionNs = 50'000;  // where hosts are unknown
constexpr int kRefinements = 3;

struct End {
  uint32_t rankIndex = 0;
  int64_t endNs = 0;
};
using Observation = std::vector<End>;  // one operation, at least two ranks

// Whether all members leave together. Roots of the others may leave early.
bool endsTogether(CollectiveKind kind) {
  return kind != CollectiveKind::kBroadcast && kind != CollectiveKind::kReduce;
}

std::vector<Observation> observe(const Trace& trace, const CollectiveMatching& collectives,
                                 const TransferMatching& transfers, const std::stop_token& stop) {
  std::vector<Observation> observations;
  for (const size_t i : trace::placesOf(collectives.matched, stop)) {
    const MatchedCollective& match = collectives.matched[i];
    if (!endsTogether(match.kind)) continue;
    Observation ends;
    for (const CollectiveMember& member : match.members)
      ends.push_back({member.rankIndex, trace.endNs(member.event)});
    observations.push_back(std::move(ends));
  }
  for (const MatchedTransfer& match : transfers.matched) {
    observations.push_back(
        {{match.sender, trace.endNs(match.send)}, {match.receiver, trace.endNs(match.receive)}});
  }
  return observations;
}

// First guesses, along the best observed links: a spanning tree from each recording's first rank.
class FirstGuess {
 public:
  FirstGuess(size_t ranks, const std::vector<Observation>& observations,
             const std::stop_token& stop)
      : m_stop(stop), m_parent(ranks) {
    std::iota(m_parent.begin(), m_parent.end(), 0U);
    for (const size_t o : trace::placesOf(observations, stop)) {
      const Observation& ends = observations[o];
      for (size_t i = 1; i < ends.size(); ++i) {
        // Added to the second's times, this gives the first's.
        m_links[{ends[0].rankIndex, ends[i].rankIndex}].push_back(
            {ends[i].endNs, ends[0].endNs - ends[i].endNs});
      }
    }
  }

  // Per rank; zero for ranks without a link.
  std::vector<RobustLine> lines() {
    const std::vector<std::vector<Step>> tree = spanningTree();
    std::vector<RobustLine> lines(tree.size());
    std::vector<bool> known(tree.size());
    for (uint32_t root = 0; root < tree.size(); ++root) {
      if (known[root]) continue;
      known[root] = true;
      std::vector<uint32_t> open{root};
      while (!open.empty()) {
        const uint32_t rank = open.back();
        open.pop_back();
        for (const Step& step : tree[rank]) {
          if (known[step.to]) continue;
          known[step.to] = true;
          lines[step.to] = chained(lines[rank], step.line);
          open.push_back(step.to);
        }
      }
    }
    return lines;
  }

 private:
  struct Step {
    uint32_t to = 0;
    RobustLine line;  // added to `to`'s times, gives those of the rank it comes from
  };

  // First along `line`, then along `then`; slopes are millionths, their product is left out.
  static RobustLine chained(const RobustLine& then, const RobustLine& line) {
    return {line.pivot, line.offset + then.at(line.pivot + line.offset), line.slope + then.slope};
  }

  static RobustLine inverse(const RobustLine& line) {
    return {line.pivot + line.offset, -line.offset, -line.slope};
  }

  // The best observed links that connect all ranks that can be.
  std::vector<std::vector<Step>> spanningTree() {
    std::vector<std::pair<std::pair<uint32_t, uint32_t>, size_t>> links;
    for (const auto& [pair, points] : m_links) links.emplace_back(pair, points.size());
    std::stable_sort(links.begin(), links.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    std::vector<std::vector<Step>> tree(m_parent.size());
    for (const auto& [pair, count] : links) {
      if (m_stop.stop_requested()) break;
      if (!join(pair.first, pair.second)) continue;
      const RobustLine line = fitLine(m_links[pair]);
      tree[pair.first].push_back({pair.second, line});
      tree[pair.second].push_back({pair.first, inverse(line)});
    }
    return tree;
  }

  uint32_t rootOf(uint32_t rank) {
    while (m_parent[rank] != rank) rank = m_parent[rank] = m_parent[m_parent[rank]];
    return rank;
  }
  bool join(uint32_t a, uint32_t b) {
    a = rootOf(a);
    b = rootOf(b);
    m_parent[std::max(a, b)] = std::min(a, b);
    return a != b;
  }

  const std::stop_token& m_stop;
  std::vector<uint32_t> m_parent;
  std::map<std::pair<uint32_t, uint32_t>, std::vector<LinePoint>> m_links;
};

int64_t aligned(const RobustLine& line, int64_t timeNs) {
  return timeNs + line.at(timeNs);
}

// The middle of the aligned ends of one operation: where it ended on the common clock.
int64_t commonEnd(const Observation& ends, const std::vector<RobustLine>& lines) {
  std::vector<int64_t> times;
  for (const End& end : ends) times.push_back(aligned(lines[end.rankIndex], end.endNs));
  return median(std::move(times));
}

// Each rank's line against the common ends, in turn until settled.
std::vector<RobustLine> refine(const std::vector<Observation>& observations,
                               std::vector<RobustLine> lines, const std::stop_token& stop) {
  for (int turn = 0; turn < kRefinements; ++turn) {
    std::vector<std::vector<LinePoint>> points(lines.size());
    for (const size_t o : trace::placesOf(observations, stop)) {
      const Observation& ends = observations[o];
      const int64_t commonNs = commonEnd(ends, lines);
      for (const End& end : ends)
        points[end.rankIndex].push_back({end.endNs, commonNs - end.endNs});
    }
    for (size_t rank = 0; rank < points.size() && !stop.stop_requested(); ++rank) {
      if (!points[rank].empty()) lines[rank] = fitLine(std::move(points[rank]));
    }
  }
  return lines;
}

// Offsets are free up to a common one: the first rank of each recording gets none.
void anchor(const Recordings& recordings, std::vector<RobustLine>& lines) {
  for (const Recording& recording : recordings.list) {
    const RobustLine reference = lines[recording.rankIndices.front()];
    for (const uint32_t rank : recording.rankIndices) {
      RobustLine& line = lines[rank];
      const int64_t pivot = line.pivot != 0 ? line.pivot : reference.pivot;
      line = {pivot, line.at(pivot) - reference.at(pivot), line.slope - reference.slope};
    }
  }
}

bool isWorthCorrecting(const Trace& trace, uint32_t rankIndex, uint32_t referenceIndex,
                       const RankClock& clock, Span range) {
  const trace::Rank& rank = trace.ranks()[rankIndex];
  const trace::Rank& reference = trace.ranks()[referenceIndex];
  if (clock.observations < kLeastObservations || rank.file == reference.file) return false;
  const bool hostsKnown = !rank.host.empty() && !reference.host.empty();
  if (hostsKnown && rank.host == reference.host) return false;
  const int64_t largestNs =
      std::max(std::abs(clock.offset.at(range.beginNs)), std::abs(clock.offset.at(range.endNs)));
  return largestNs > std::max(clock.residualP90Ns, hostsKnown ? 1 : kLeastCorrectionNs);
}

using Residuals = std::vector<std::vector<int64_t>>;  // per rank

Residuals residualsOf(const std::vector<Observation>& observations,
                      const std::vector<RobustLine>& lines, const std::stop_token& stop) {
  Residuals residuals(lines.size());
  for (const size_t o : trace::placesOf(observations, stop)) {
    const Observation& ends = observations[o];
    const int64_t commonNs = commonEnd(ends, lines);
    for (const End& end : ends) {
      residuals[end.rankIndex].push_back(
          std::abs(aligned(lines[end.rankIndex], end.endNs) - commonNs));
    }
  }
  return residuals;
}

void setPercentiles(const Residuals& residuals, ClockModel& model) {
  for (size_t rank = 0; rank < residuals.size(); ++rank) {
    RankClock& clock = model.ranks[rank];
    clock.observations = static_cast<int64_t>(residuals[rank].size());
    clock.residualP50Ns = percentile(residuals[rank], 50);
    clock.residualP90Ns = percentile(residuals[rank], 90);
    clock.residualP99Ns = percentile(residuals[rank], 99);
  }
}

int64_t resolutionOf(const Trace& trace, const std::vector<Observation>& observations,
                     const std::vector<RobustLine>& lines, const std::stop_token& stop) {
  std::vector<int64_t> spreads;
  for (const size_t o : trace::placesOf(observations, stop)) {
    const Observation& ends = observations[o];
    int64_t first = std::numeric_limits<int64_t>::max();
    int64_t last = std::numeric_limits<int64_t>::min();
    for (const End& end : ends) {
      first = std::min(first, aligned(lines[end.rankIndex], end.endNs));
      last = std::max(last, aligned(lines[end.rankIndex], end.endNs));
    }
    spreads.push_back(last - first);
  }
  int64_t resolutionNs = percentile(std::move(spreads), 90);
  for (const trace::Rank& rank : trace.ranks())
    resolutionNs = std::max(resolutionNs, rank.resolutionNs);
  return resolutionNs;
}

}  // namespace

bool ClockModel::anyCorrected() const {
  return std::any_of(ranks.begin(), ranks.end(), [](const RankClock& c) { return c.corrected; });
}

ClockModel fitClocks(const Trace& trace, const CollectiveMatching& collectives,
                     const TransferMatching& transfers, const std::stop_token& stop) {
  const Recordings recordings = findRecordings(trace, stop);
  const std::vector<Observation> observations = observe(trace, collectives, transfers, stop);
  std::vector<RobustLine> lines =
      refine(observations, FirstGuess(trace.ranks().size(), observations, stop).lines(), stop);
  anchor(recordings, lines);

  ClockModel model;
  model.ranks.resize(trace.ranks().size());
  model.recordings = static_cast<int64_t>(recordings.list.size());
  model.reasons = recordings.reasons;
  model.observations = static_cast<int64_t>(observations.size());
  setPercentiles(residualsOf(observations, lines, stop), model);
  for (uint32_t rank = 0; rank < lines.size(); ++rank) {
    RankClock& clock = model.ranks[rank];
    clock.recording = recordings.recordingOfRank[rank];
    const Recording& recording = recordings.list[clock.recording];
    clock.offset = lines[rank];
    clock.corrected =
        isWorthCorrecting(trace, rank, recording.rankIndices.front(), clock, recording.range);
    if (!clock.corrected) lines[rank] = {};
  }
  setPercentiles(residualsOf(observations, lines, stop), model);
  model.resolutionNs = resolutionOf(trace, observations, lines, stop);
  return model;
}

}  // namespace caracal::analysis
