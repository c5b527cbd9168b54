#include "core/base/intervals.h"

#include <algorithm>

namespace caracal {

SpanSet fromSorted(std::vector<Span> spans) {
  SpanSet set;
  for (const Span& span : spans) {
    if (span.endNs <= span.beginNs) continue;
    if (!set.m_spans.empty() && span.beginNs <= set.m_spans.back().endNs) {
      set.m_spans.back().endNs = std::max(set.m_spans.back().endNs, span.endNs);
    } else {
      set.m_spans.push_back(span);
    }
  }
  return set;
}

SpanSet::SpanSet(std::vector<Span> spans) {
  const auto byBegin = [](const Span& a, const Span& b) { return a.beginNs < b.beginNs; };
  if (!std::is_sorted(spans.begin(), spans.end(), byBegin)) {
    std::sort(spans.begin(), spans.end(), byBegin);
  }
  *this = fromSorted(std::move(spans));
}

int64_t SpanSet::lengthNs() const {
  int64_t total = 0;
  for (const Span& span : m_spans) total += span.lengthNs();
  return total;
}

SpanSet unite(const SpanSet& a, const SpanSet& b) {
  std::vector<Span> merged(a.spans().size() + b.spans().size());
  std::merge(a.spans().begin(), a.spans().end(), b.spans().begin(), b.spans().end(), merged.begin(),
             [](const Span& x, const Span& y) { return x.beginNs < y.beginNs; });
  return fromSorted(std::move(merged));
}

SpanSet intersect(const SpanSet& a, const SpanSet& b) {
  std::vector<Span> common;
  auto x = a.spans().begin();
  auto y = b.spans().begin();
  while (x != a.spans().end() && y != b.spans().end()) {
    const Span span{std::max(x->beginNs, y->beginNs), std::min(x->endNs, y->endNs)};
    if (span.endNs > span.beginNs) common.push_back(span);
    (x->endNs < y->endNs) ? ++x : ++y;
  }
  return fromSorted(std::move(common));
}

SpanSet complement(const SpanSet& a, Span range) {
  std::vector<Span> gaps;
  int64_t cursor = range.beginNs;
  for (const Span& span : a.spans()) {
    if (span.endNs <= cursor) continue;
    if (span.beginNs >= range.endNs) break;
    if (span.beginNs > cursor) gaps.push_back({cursor, span.beginNs});
    cursor = span.endNs;
  }
  if (cursor < range.endNs) gaps.push_back({cursor, range.endNs});
  return fromSorted(std::move(gaps));
}

SpanSet subtract(const SpanSet& a, const SpanSet& b) {
  if (a.empty()) return a;
  return intersect(a, complement(b, {a.spans().front().beginNs, a.spans().back().endNs}));
}

SpanSet clip(const SpanSet& a, Span range) {
  // Only what touches the range is looked at: callers clip long sets to many short ranges.
  const auto first =
      std::partition_point(a.spans().begin(), a.spans().end(),
                           [&](const Span& span) { return span.endNs <= range.beginNs; });
  std::vector<Span> inside;
  for (auto span = first; span != a.spans().end() && span->beginNs < range.endNs; ++span) {
    inside.push_back({std::max(span->beginNs, range.beginNs), std::min(span->endNs, range.endNs)});
  }
  return fromSorted(std::move(inside));
}

}  // namespace caracal
