#include "core/import/chrome/open_ranges.h"

#include <algorithm>

namespace caracal::import::chrome {

using trace::Defect;

void OpenRanges::begin(trace::TrackIndex row, trace::NameId name, trace::EventIndex event) {
  m_open[row].push_back({name, event});
}

std::optional<trace::EventIndex> OpenRanges::end(trace::TrackIndex row, trace::NameId name,
                                                 int64_t endNs, trace::TraceBuilder& builder) {
  std::vector<Open>& open = m_open[row];
  const auto found = std::find_if(open.rbegin(), open.rend(),
                                  [&](const Open& o) { return name == 0 || o.name == name; });
  if (found == open.rend()) {
    builder.report().count(Defect::kUnmatchedEnd);
    return std::nullopt;
  }
  const trace::EventIndex event = found->event;
  open.erase(std::next(found).base());
  const int64_t duration = endNs - builder.beginOf(event);
  if (duration < 0) {
    builder.report().count(Defect::kUnmatchedEnd);
    return std::nullopt;
  }
  builder.setDuration(event, duration);
  return event;
}

void OpenRanges::closeAll(int64_t endNs, trace::TraceBuilder& builder) {
  for (const auto& [row, open] : m_open) {
    for (const Open& range : open) {
      builder.report().count(Defect::kUnmatchedBegin);
      builder.setDuration(range.event, std::max<int64_t>(0, endNs - builder.beginOf(range.event)));
    }
  }
  m_open.clear();
}

}  // namespace caracal::import::chrome
