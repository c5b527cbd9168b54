#include "core/analysis/recordings.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include "core/analysis/robust_line.h"
#include "core/trace/polled_range.h"

namespace caracal::analysis {
namespace {

using trace::EventIndex;
using trace::kNoIndex;
using trace::Trace;

using Claim = std::tuple<int32_t, int32_t, int32_t, int32_t>;  // rank, or stage, tensor, data
using CallName = std::tuple<uint32_t, trace::CollectiveKind, int64_t>;  // group, kind, sequence

struct Part {
  std::vector<uint32_t> rankIndices;
  std::set<std::string> files;
  std::set<Claim> claims;
  Span range{std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()};
  std::map<CallName, int64_t> ends;  // last end over the part's ranks

  bool empty() const { return range.endNs < range.beginNs; }
};

bool overlaps(const Part& a, const Part& b) {
  // A rank without events says nothing about time.
  if (a.empty() || b.empty()) return true;
  return a.range.beginNs <= b.range.endNs && b.range.beginNs <= a.range.endNs;
}

bool conflict(const Part& a, const Part& b) {
  return std::any_of(a.claims.begin(), a.claims.end(),
                     [&](const Claim& claim) { return b.claims.count(claim) > 0; });
}

// Whether numbered collectives end in step on both: one run seen by two clocks.
bool sameCalls(const Part& a, const Part& b) {
  constexpr size_t kLeastCalls = 16;
  constexpr int64_t kInStepNs = 100'000;
  std::vector<LinePoint> points;
  for (const auto& [call, endNs] : a.ends) {
    const auto other = b.ends.find(call);
    if (other != b.ends.end()) points.push_back({endNs, other->second - endNs});
  }
  if (points.size() < kLeastCalls) return false;
  const RobustLine line = fitLine(points);
  std::vector<int64_t> residuals;
  for (const LinePoint& point : points) residuals.push_back(std::abs(point.y - line.at(point.x)));
  return percentile(std::move(residuals), 90) <= kInStepNs;
}

void unite(Part& into, Part& part) {
  into.rankIndices.insert(into.rankIndices.end(), part.rankIndices.begin(), part.rankIndices.end());
  into.files.insert(part.files.begin(), part.files.end());
  into.claims.insert(part.claims.begin(), part.claims.end());
  into.range = {std::min(into.range.beginNs, part.range.beginNs),
                std::max(into.range.endNs, part.range.endNs)};
  for (const auto& [call, endNs] : part.ends) {
    int64_t& known = into.ends.try_emplace(call, endNs).first->second;
    known = std::max(known, endNs);
  }
}

void addTimes(const Trace& trace, const trace::Track& track, const std::stop_token& stop,
              Part& part) {
  for (const EventIndex e : trace::eventsOf(track, stop)) {
    part.range.beginNs = std::min(part.range.beginNs, trace.beginNs(e));
    part.range.endNs = std::max(part.range.endNs, trace.endNs(e));
    if (trace.kind(e) != trace::EventKind::kKernel && trace.kind(e) != trace::EventKind::kComm)
      continue;
    const auto args = trace.args(e);
    if (!args || args->sequence < 0 || args->group == kNoIndex) continue;
    int64_t& endNs =
        part.ends.try_emplace({args->group, args->collective, args->sequence}, trace.endNs(e))
            .first->second;
    endNs = std::max(endNs, trace.endNs(e));
  }
}

// One part per file, in the order of their ranks.
std::vector<Part> partsOfFiles(const Trace& trace, const std::stop_token& stop) {
  std::map<std::string, size_t> partOfFile;
  std::vector<Part> parts;
  std::vector<size_t> partOfRank;
  for (uint32_t index = 0; index < trace.ranks().size(); ++index) {
    const trace::Rank& rank = trace.ranks()[index];
    const auto [found, isNew] = partOfFile.try_emplace(rank.file, parts.size());
    if (isNew) parts.emplace_back();
    Part& part = parts[found->second];
    part.rankIndices.push_back(index);
    part.files.insert(rank.file);
    part.claims.insert({rank.claimedRank >= 0 ? rank.claimedRank : rank.rank, -1, -1, -1});
    // Of a stage without a replica several ranks may be.
    if (rank.stage >= 0 && rank.dataIndex >= 0)
      part.claims.insert({-1, rank.stage, rank.tensorIndex, rank.dataIndex});
    partOfRank.push_back(found->second);
  }
  for (const trace::Track& track : trace.tracks())
    addTimes(trace, track, stop, parts[partOfRank[track.rank]]);
  return parts;
}

std::string fileNames(const Part& part) {
  std::string text;
  for (const std::string& file : part.files) {
    const std::string name = file.substr(file.find_last_of('/') + 1);
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

}  // namespace

Recordings findRecordings(const Trace& trace, const std::stop_token& stop) {
  std::vector<Part> recordings;
  std::vector<std::string> reasons;
  for (Part& part : partsOfFiles(trace, stop)) {
    const auto home = std::find_if(recordings.begin(), recordings.end(), [&](const Part& known) {
      return !conflict(known, part) && (overlaps(known, part) || sameCalls(known, part));
    });
    if (home != recordings.end()) {
      unite(*home, part);
      continue;
    }
    if (!recordings.empty()) {
      const Part& first = recordings.front();
      reasons.push_back(fmt::format(
          "{} was not recorded with {}: {}", fileNames(part), fileNames(first),
          conflict(first, part) ? "both hold the same ranks" : "their times do not overlap"));
    }
    recordings.push_back(std::move(part));
  }
  Recordings result{{}, std::vector<uint32_t>(trace.ranks().size()), std::move(reasons)};
  for (Part& part : recordings) {
    for (const uint32_t rank : part.rankIndices)
      result.recordingOfRank[rank] = static_cast<uint32_t>(result.list.size());
    const Span range = part.empty() ? Span{} : part.range;
    result.list.push_back({std::move(part.rankIndices),
                           std::vector<std::string>(part.files.begin(), part.files.end()), range});
  }
  return result;
}

}  // namespace caracal::analysis
