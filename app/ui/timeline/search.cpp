#include "app/ui/timeline/search.h"

#include <re2/re2.h>

#include <algorithm>
#include <tuple>

#include "app/ui/timeline/block_text.h"

namespace caracal::ui {
namespace {

// Matches each distinct name of a trace once.
class NameMatcher {
 public:
  NameMatcher(const trace::Trace& trace, const RE2& pattern)
      : m_trace(trace), m_pattern(pattern), m_known(trace.names().size(), kUnasked) {}
  bool matches(trace::EventIndex event) {
    uint8_t& known = m_known[m_trace.nameId(event)];
    if (known == kUnasked) {
      const std::string_view name = m_trace.name(event);
      known = RE2::PartialMatch(re2::StringPiece(name.data(), name.size()), m_pattern) ? kYes : kNo;
    }
    return known == kYes;
  }

 private:
  enum : uint8_t { kUnasked, kYes, kNo };
  const trace::Trace& m_trace;
  const RE2& m_pattern;
  std::vector<uint8_t> m_known;
};

bool textMatches(const Scene& scene, uint32_t row, const Block& block, const RE2& pattern) {
  std::string buffer;
  const std::string_view text = blockText(scene, row, block, buffer);
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), pattern);
}

}  // namespace

Result<SearchHits> searchBlocks(const Scene& scene, const std::string& pattern,
                                std::stop_token stop) {
  SearchHits result{pattern, {}};
  if (pattern.empty()) return result;
  RE2::Options options;
  options.set_case_sensitive(false);
  options.set_log_errors(false);
  const RE2 regex(pattern, options);
  if (!regex.ok()) {
    return fail(ErrorCode::kInvalidInput, "'{}' is not a regular expression: {}", pattern,
                regex.error());
  }
  std::vector<NameMatcher> matchers;
  matchers.reserve(scene.runs.size());
  for (const SceneRun& run : scene.runs) matchers.emplace_back(*run.trace, regex);
  for (uint32_t r = 0; r < scene.rows.size(); ++r) {
    if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "search stopped");
    const Row& row = scene.rows[r];
    for (uint32_t l = 0; l < row.lanes.size(); ++l) {
      const auto& blocks = row.lanes[l].blocks();
      for (uint32_t b = 0; b < blocks.size(); ++b) {
        const bool isPass =
            scene.runs[row.run].trace->kind(blocks[b].source) == trace::EventKind::kPass;
        if (matchers[row.run].matches(blocks[b].source) ||
            (isPass && textMatches(scene, r, blocks[b], regex))) {
          result.hits.push_back({r, l, b});
        }
      }
    }
    for (uint32_t b = 0; b < row.bubbles.blocks().size(); ++b) {
      if (textMatches(scene, r, row.bubbles.blocks()[b], regex))
        result.hits.push_back({r, kBubbleLane, b});
    }
  }
  std::sort(result.hits.begin(), result.hits.end(), [&](const BlockRef& a, const BlockRef& b) {
    return std::tuple(blockOf(scene, a).beginNs, a.row, a.lane, a.index) <
           std::tuple(blockOf(scene, b).beginNs, b.row, b.lane, b.index);
  });
  return result;
}

}  // namespace caracal::ui
