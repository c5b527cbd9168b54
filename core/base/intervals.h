// Unions of half-open time spans [begin, end): the arithmetic under every wall-time figure. Wall
// time is always the length of a union clipped to a range, never a sum over streams.
#pragma once

#include <cstdint>
#include <vector>

namespace caracal {

struct Span {
  int64_t beginNs = 0;
  int64_t endNs = 0;  // exclusive
  bool operator==(const Span&) const = default;
  int64_t lengthNs() const { return endNs > beginNs ? endNs - beginNs : 0; }
};

// A set of times as sorted, disjoint, non-empty, non-touching spans.
class SpanSet {
 public:
  SpanSet() = default;
  // Any order, may overlap; spans with end <= begin are ignored.
  explicit SpanSet(std::vector<Span> spans);

  const std::vector<Span>& spans() const { return m_spans; }
  bool empty() const { return m_spans.empty(); }
  int64_t lengthNs() const;
  bool operator==(const SpanSet&) const = default;

 private:
  friend SpanSet fromSorted(std::vector<Span> spans);
  std::vector<Span> m_spans;
};

SpanSet unite(const SpanSet& a, const SpanSet& b);
SpanSet intersect(const SpanSet& a, const SpanSet& b);
// a without b.
SpanSet subtract(const SpanSet& a, const SpanSet& b);
SpanSet clip(const SpanSet& a, Span range);
// What of `range` is not in a.
SpanSet complement(const SpanSet& a, Span range);

}  // namespace caracal
