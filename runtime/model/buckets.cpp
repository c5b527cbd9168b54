#include <algorithm>
#include <cassert>
#include <utility>

#include "core/plan/program.h"
#include "runtime/comm/part.h"
#include "runtime/model/parameters.h"

namespace caracal::model {
namespace {

using Range = ParameterLayout::Range;

Range rangeOf(const ParameterLayout& layout, int32_t part) {
  if (part == plan::kFirstEnd) return layout.firstEnd();
  return part == plan::kLastEnd ? layout.lastEnd() : layout.layer(part);
}

// Ranges that touch become one.
std::vector<Range> joined(std::vector<Range> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.begin < b.begin; });
  std::vector<Range> result;
  for (const Range& range : ranges) {
    if (!result.empty() && result.back().begin + result.back().count == range.begin)
      result.back().count += range.count;
    else
      result.push_back(range);
  }
  return result;
}

}  // namespace

std::vector<Bucket> bucketsOf(const ParameterLayout& layout, const Reductions& reductions) {
  if (reductions.order.empty()) return {Bucket{{{0, layout.count()}}, layout.count(), 0}};
  std::vector<Bucket> buckets;
  Bucket open;
  int64_t total = 0;
  for (const int32_t part : reductions.order) {
    const Range range = rangeOf(layout, part);
    open.ranges.push_back(range);
    open.count += range.count;
    open.completedBy = part;
    total += range.count;
    const bool last = part == reductions.order.back();
    if (open.count < reductions.bucketParameters && !last) continue;
    open.ranges = joined(std::move(open.ranges));
    buckets.push_back(std::exchange(open, {}));
  }
  assert(total == layout.count() && "every part of the rank is reduced once a step");
  return buckets;
}

std::vector<OwnedRange> ownedRanges(const std::vector<Bucket>& buckets, int32_t replica,
                                    int32_t stateShards) {
  const int32_t shard = stateShards > 1 ? replica : 0;
  std::vector<OwnedRange> owned;
  int64_t state = 0;
  for (const Bucket& bucket : buckets) {
    const auto count = static_cast<size_t>(bucket.count);
    const comm::Part part = comm::partOf(count, shard, stateShards);
    const auto partBegin = static_cast<int64_t>(part.begin);
    const int64_t partEnd = partBegin + static_cast<int64_t>(part.count);
    int64_t next = 0;  // of the bucket, where the range begins
    for (const Range& range : bucket.ranges) {
      const int64_t begin = std::max(partBegin, next), end = std::min(partEnd, next + range.count);
      if (begin < end)
        owned.push_back({range.begin + begin - next, end - begin, state + begin - partBegin});
      next += range.count;
    }
    state += static_cast<int64_t>(comm::partSize(count, stateShards));
  }
  return owned;
}

int64_t stateCount(const std::vector<Bucket>& buckets, int32_t stateShards) {
  int64_t count = 0;
  for (const Bucket& bucket : buckets)
    count += static_cast<int64_t>(comm::partSize(static_cast<size_t>(bucket.count), stateShards));
  return count;
}

int64_t staticBytes(const ParameterLayout& layout, const Reductions& reductions) {
  const int64_t state = stateCount(bucketsOf(layout, reductions), reductions.stateShards);
  return 2 * (layout.count() + state) * static_cast<int64_t>(sizeof(float));
}

}  // namespace caracal::model
