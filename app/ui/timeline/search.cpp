#include "app/ui/timeline/search.h"

#include <re2/re2.h>

#include <algorithm>
#include <tuple>

#include "app/ui/timeline/block_text.h"
#include "core/trace/polled_sort.h"

namespace caracal::ui {
namespace {

// Which names of a trace match.
std::vector<bool> matchingNames(const trace::StringTable& names, const RE2& pattern) {
  std::vector<bool> matches(names.size());
  for (trace::NameId id = 0; id < matches.size(); ++id) {
    const std::string_view name = names[id];
    matches[id] = RE2::PartialMatch(re2::StringPiece(name.data(), name.size()), pattern);
  }
  return matches;
}

// The earliest hits, and how many there were in all.
class Collector {
 public:
  void add(const BlockRef& ref, Span span) {
    ++m_total;
    if (span.beginNs > m_latestNs) return;
    m_hits.push_back({span, ref});
    if (m_hits.size() >= 2 * kMostHits) prune();
  }
  SearchHits take(const std::string& pattern) {
    std::sort(m_hits.begin(), m_hits.end(), earlier);
    m_hits.resize(std::min(m_hits.size(), kMostHits));
    SearchHits result{pattern, {}, {}, 0, m_total};
    for (const Hit& hit : m_hits) {
      result.hits.push_back(hit.ref);
      result.begins.push_back(hit.span.beginNs);
      result.longestNs = std::max(result.longestNs, hit.span.lengthNs());
    }
    return result;
  }

 private:
  struct Hit {
    Span span;
    BlockRef ref;
  };
  static bool earlier(const Hit& a, const Hit& b) {
    return std::tuple(a.span.beginNs, a.ref.row, a.ref.lane, a.ref.index) <
           std::tuple(b.span.beginNs, b.ref.row, b.ref.lane, b.ref.index);
  }
  void prune() {
    const auto last = m_hits.begin() + static_cast<ptrdiff_t>(kMostHits);
    std::nth_element(m_hits.begin(), last, m_hits.end(), earlier);
    m_hits.erase(last, m_hits.end());
    m_latestNs = std::max_element(m_hits.begin(), m_hits.end(), earlier)->span.beginNs;
  }

  std::vector<Hit> m_hits;
  size_t m_total = 0;
  int64_t m_latestNs = INT64_MAX;  // later ones are only counted
};

bool textMatches(const Scene& scene, uint32_t row, const Block& block, const RE2& pattern) {
  std::string buffer;
  const std::string_view text = blockText(scene, row, block, buffer);
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), pattern);
}

// False: stopped.
bool searchLane(const Scene& scene, const BlockRef& first, const std::vector<bool>& matching,
                const RE2& pattern, const std::stop_token& stop, Collector& collector) {
  const trace::Trace& trace = *scene.runOf(first.row).trace;
  const Lane& lane = laneOf(scene, first.row, first.lane);
  for (uint32_t b = 0; b < lane.size(); ++b) {
    if (b % trace::kBetweenPolls == 0 && stop.stop_requested()) return false;
    const trace::EventIndex event = lane.source(b);
    const bool isPass = trace.kind(event) == trace::EventKind::kPass;
    if (matching[trace.nameId(event)] ||
        (isPass && textMatches(scene, first.row, lane[b], pattern))) {
      collector.add({first.row, first.lane, b}, lane.span(b));
    }
  }
  return true;
}

}  // namespace

Result<SearchHits> searchBlocks(const Scene& scene, const std::string& pattern,
                                std::stop_token stop) {
  if (pattern.empty()) return SearchHits{};
  RE2::Options options;
  options.set_case_sensitive(false);
  options.set_log_errors(false);
  const RE2 regex(pattern, options);
  if (!regex.ok()) {
    return fail(ErrorCode::kInvalidInput, "'{}' is not a regular expression: {}", pattern,
                regex.error());
  }
  std::vector<std::vector<bool>> matching;
  for (const SceneRun& run : scene.runs)
    matching.push_back(matchingNames(run.trace->names(), regex));
  Collector collector;
  for (uint32_t r = 0; r < scene.rows.size(); ++r) {
    const Row& row = scene.rows[r];
    for (uint32_t l = 0; l < row.lanes.size(); ++l) {
      if (!searchLane(scene, {r, l, 0}, matching[row.run], regex, stop, collector))
        return fail(ErrorCode::kCancelled, "search stopped");
    }
    for (uint32_t b = 0; b < row.bubbles.size(); ++b) {
      if (textMatches(scene, r, row.bubbles[b], regex))
        collector.add({r, kBubbleLane, b}, row.bubbles.span(b));
    }
  }
  return collector.take(pattern);
}

}  // namespace caracal::ui
