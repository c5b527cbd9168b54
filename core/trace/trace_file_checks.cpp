#include "core/trace/trace_file_checks.h"

#include <limits>

namespace caracal::trace::file {

Result<void> checkEvents(const TraceData& data) {
  const EventStore& events = data.events;
  const auto lastOf = [](size_t count) { return static_cast<int64_t>(count) - 1; };
  if (!events.begin.isWithin(-kLatestNs, kLatestNs - 1) ||
      !events.duration.isWithin(0, kLatestNs - 1))
    return damaged("an event's time is out of range");
  if (!events.name.isWithin(0, lastOf(data.names.size())))
    return damaged("an event has a name that is none");
  if (!events.kind.isWithin(0, lastOf(kEventKindCount)))
    return damaged("an event is of an unknown kind");
  if (!events.launch.isWithin(0, static_cast<int64_t>(events.size())) ||
      !events.argsRow.isWithin(0, static_cast<int64_t>(events.args.size()))) {
    return damaged("an event's launch or arguments are none");
  }
  return {};
}

Result<void> checkArgs(const TraceData& data) {
  const auto& fields = data.events.args.columns();
  const auto names = static_cast<int64_t>(data.names.size()) - 1;
  struct Bound {
    ArgField field;
    int64_t least, most;
  };
  constexpr int64_t kLeast = std::numeric_limits<int32_t>::min();
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  const Bound bounds[] = {{kArgGroup, 0, static_cast<int64_t>(data.groups.size())},
                          {kArgDtype, 0, names},
                          {kArgDetail, 0, names},
                          {kArgPeer, kLeast, kMost},
                          {kArgStep, kLeast, kMost},
                          {kArgMicroBatch, kLeast, kMost},
                          {kArgStage, kLeast, kMost},
                          {kArgChunk, kLeast, kMost},
                          {kArgLayer, kLeast, kMost},
                          {kArgCollective, 0, int64_t{kCollectiveKindCount} - 1},
                          {kArgPass, 0, int64_t{kPassCount} - 1},
                          {kArgWindow, 0, 255}};
  for (const Bound& bound : bounds) {
    if (!fields[bound.field].isWithin(bound.least, bound.most))
      return damaged("argument field {} is out of range", static_cast<int>(bound.field));
  }
  return {};
}

Result<void> checkLeaves(std::span<const ActivityLeaf> leaves) {
  for (const ActivityLeaf& leaf : leaves) {
    const bool end = leaf.endBeforeNs == Activity::kNothingBefore ||
                     (leaf.endBeforeNs >= -kLatestNs && leaf.endBeforeNs < 2 * kLatestNs);
    if (!end || leaf.busyBeforeNs < 0 || leaf.busyBeforeNs >= kLatestNs)
      return damaged("its activity is out of range");
  }
  return {};
}

}  // namespace caracal::trace::file
