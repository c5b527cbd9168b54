#include "core/analysis/rank_tables.h"

#include "core/analysis/collective_summary.h"
#include "core/trace/polled_range.h"

namespace caracal::analysis {
namespace {

Cell positive(double value) {
  return value > 0 ? Cell(value) : Cell();
}

Cell known(int64_t value) {
  return value >= 0 ? Cell(value) : Cell();
}

// Bandwidth of one call; empty below what clocks can tell.
Cell bandwidth(const MatchedCollective& call, double factor, int64_t resolutionNs) {
  const int64_t bytes = sizeOf(call);
  if (bytes <= 0 || factor <= 0 || call.transferNs <= resolutionNs) return {};
  return factor * static_cast<double>(bytes) / static_cast<double>(call.transferNs);
}

std::string groupName(const trace::Trace& trace, uint32_t group) {
  if (group == trace::kNoIndex) return {};
  const trace::ProcessGroup& known = trace.processGroups()[group];
  return known.description.empty() ? known.name : known.description;
}

tl::unexpected<Error> nothingMatched(const TableRequest& request) {
  return fail(ErrorCode::kCannotAnswer,
              "no collective was found on two ranks or more ({} calls on single ranks); open the "
              "traces of all ranks, recorded over the same steps",
              request.run.collectives.unmatchedEvents);
}

}  // namespace

std::string cannotTell(int64_t resolutionNs) {
  return fmt::format("cannot tell: differences below {}", formatDuration(resolutionNs));
}

std::vector<std::string> clockSentences(const ClockModel& clocks) {
  std::vector<std::string> sentences = clocks.reasons;
  int64_t corrected = 0;
  for (const RankClock& clock : clocks.ranks) corrected += clock.corrected ? 1 : 0;
  if (clocks.ranks.size() > 1) {
    sentences.push_back(
        clocks.observations == 0
            ? std::string("clocks of the ranks were not checked: no operation was seen on two "
                          "ranks")
            : fmt::format("ranks compare to within {} ({} operations seen on several ranks; {} "
                          "ranks moved onto the first one's clock)",
                          formatDuration(clocks.resolutionNs), clocks.observations, corrected));
  }
  return sentences;
}

Result<DataTable> collectivesTable(const TableRequest& request) {
  const int64_t resolutionNs = request.run.clocks.resolutionNs;
  DataTable table{"collectives",
                  {{"kind"},
                   {"group"},
                   {"ranks"},
                   {"calls"},
                   {"bytes", Unit::kBytes},
                   {"meanWaitNs", Unit::kNs},
                   {"meanTransferNs", Unit::kNs},
                   {"algorithmGBps", Unit::kGigabytesPerSecond},
                   {"busGBps", Unit::kGigabytesPerSecond},
                   {"cameLast"},
                   {"cameLastCalls"},
                   {"untoldCalls"}},
                  {},
                  {fmt::format("{} calls were seen on some ranks only",
                               request.run.collectives.unmatchedEvents),
                   "who came last in untold calls: " + cannotTell(resolutionNs)}};
  for (const CollectiveSummary& row :
       summarizeCollectives(request.trace(), request.run.collectives, resolutionNs, request.stop)) {
    table.rows.push_back({std::string(trace::name(row.kind)), row.group, int64_t{row.members},
                          row.calls, row.bytes > 0 ? Cell(row.bytes) : Cell(),
                          row.waitNs / row.calls / row.members, row.transferNs / row.calls,
                          positive(row.algorithmGBps), positive(row.busGBps), known(row.latestRank),
                          row.latestCalls, row.untoldCalls});
  }
  if (table.rows.empty()) return nothingMatched(request);
  return table;
}

Result<DataTable> collectiveCallsTable(const TableRequest& request) {
  const int64_t resolutionNs = request.run.clocks.resolutionNs;
  DataTable table{"collective-calls",
                  {{"kind"},
                   {"group"},
                   {"step"},
                   {"ordinal"},
                   {"ranks"},
                   {"bytes", Unit::kBytes},
                   {"lastStartNs", Unit::kTime},
                   {"longestWaitNs", Unit::kNs},
                   {"transferNs", Unit::kNs},
                   {"algorithmGBps", Unit::kGigabytesPerSecond},
                   {"busGBps", Unit::kGigabytesPerSecond},
                   {"cameLast"}},
                  {},
                  {"where cameLast is empty: " + cannotTell(resolutionNs)}};
  for (const size_t i : trace::placesOf(request.run.collectives.matched, request.stop)) {
    const MatchedCollective& call = request.run.collectives.matched[i];
    int64_t longestNs = 0;
    for (const CollectiveMember& member : call.members)
      longestNs = std::max(longestNs, member.waitNs);
    const bool told = call.marginNs >= resolutionNs;
    const int32_t last = request.trace().ranks()[call.lastRankIndex].rank;
    const double factor = busFactor(call.kind, static_cast<int32_t>(call.members.size()));
    table.rows.push_back(
        {std::string(trace::name(call.kind)), groupName(request.trace(), call.group),
         known(call.step), call.ordinal, static_cast<int64_t>(call.members.size()),
         known(call.bytes), call.lastStartNs, longestNs, call.transferNs,
         bandwidth(call, factor > 0 ? 1 : 0, resolutionNs), bandwidth(call, factor, resolutionNs),
         told ? Cell(int64_t{last}) : Cell()});
  }
  if (table.rows.empty()) return nothingMatched(request);
  return table;
}

Result<DataTable> clockTable(const TableRequest& request) {
  DataTable table{"clock",
                  {{"rank"},
                   {"recording"},
                   {"host"},
                   {"observations"},
                   {"offsetNs", Unit::kNs},
                   {"driftPpm"},
                   {"corrected"},
                   {"residualP50Ns", Unit::kNs},
                   {"residualP90Ns", Unit::kNs},
                   {"residualP99Ns", Unit::kNs}},
                  {},
                  clockSentences(request.run.clocks)};
  for (size_t i = 0; i < request.run.clocks.ranks.size(); ++i) {
    const RankClock& clock = request.run.clocks.ranks[i];
    const trace::Rank& rank = request.trace().ranks()[i];
    const bool seen = clock.observations > 0;
    const auto ifSeen = [&](auto value) { return seen ? Cell(value) : Cell(); };
    table.rows.push_back({int64_t{rank.rank}, int64_t{clock.recording}, rank.host,
                          clock.observations, ifSeen(clock.offset.offset),
                          ifSeen(clock.offset.slope * 1e6),
                          std::string(clock.corrected ? "yes" : "no"), ifSeen(clock.residualP50Ns),
                          ifSeen(clock.residualP90Ns), ifSeen(clock.residualP99Ns)});
  }
  return table;
}

}  // namespace caracal::analysis
