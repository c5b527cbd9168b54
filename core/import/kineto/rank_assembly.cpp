// What is known of a Kineto file only when it ends: its rank, and the links between events that
// may come in any order.
#include <algorithm>

#include "core/import/kineto/event_collector.h"
#include "core/import/kineto/file_facts.h"

namespace caracal::import::kineto {
namespace {

using trace::Defect;
using trace::EventArgs;
using trace::EventIndex;

constexpr int64_t kDayNs = int64_t{24} * 3600 * 1'000'000'000;

}  // namespace

// A kernel that was launched inside record_param_comms has its external id.
void EventCollector::linkCollectives() {
  const auto kernels = std::move(m_bareCollectives.kernels).finish();
  const auto externalIds = std::move(m_bareCollectives.externalIds).finish();
  if (m_collectiveOps.empty()) return;
  for (size_t i = 0; i < kernels.size(); ++i) {
    const auto found = m_collectiveOps.find(static_cast<uint64_t>(externalIds[i]));
    if (found == m_collectiveOps.end()) continue;
    const auto kernel = static_cast<EventIndex>(kernels[i]);
    EventArgs args = m_builder.argsOf(found->second);
    args.detail = m_builder.argsOf(kernel).detail;
    m_builder.setArgs(kernel, args);
  }
}

// A clock that shows more than a day at all other events has not begun at this one: its time was
// never taken.
void EventCollector::dropZeroTimes() {
  if (m_firstNs == std::numeric_limits<int64_t>::max() || m_firstNs < kDayNs) return;
  for (const EventIndex event : m_zeroTimes) m_builder.drop(event);
  m_builder.report().count(Defect::kMissingTimestamp, static_cast<int64_t>(m_zeroTimes.size()));
}

void EventCollector::describeRank(const chrome::ChromeDocument& document, const std::string& path) {
  FileFacts facts = fileFacts(document, path, m_builder.report());
  m_groups.complete(facts.groups, m_builder);
  trace::Rank& rank = m_builder.rank(m_rank);
  rank.file = path;
  rank.host = facts.host;
  rank.sourceRecords = document.entries;
  rank.resolutionNs = m_isFinerThanMicroseconds ? 1 : 1000;
  if (facts.rank) {
    rank.rank = *facts.rank;
    rank.foundBy = "distributedInfo";
  }
  // One process, one device: the one with most work, if a process drives several.
  const auto most =
      std::max_element(m_workOfDevice.begin(), m_workOfDevice.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most != m_workOfDevice.end()) {
    rank.device = most->first;
    rank.deviceKey = std::to_string(most->first);
    rank.deviceName = facts.deviceNames[most->first];
  }
  if (facts.baseTimeNs < 0 ||
      facts.baseTimeNs > chrome::kLatestNs - std::max<int64_t>(m_lastNs, 0)) {
    m_builder.report().count(Defect::kBadNumber);
    m_builder.report().notes.push_back(
        "baseTimeNanoseconds is out of range and was left out: times of this file do not line up "
        "with other files'; correct it in the file, or record again");
  } else {
    m_builder.shift(facts.baseTimeNs);
  }
  m_builder.meta().merge(facts.meta);
}

Result<trace::TraceBuilder> EventCollector::finish(const chrome::ChromeDocument& document,
                                                   const std::string& path,
                                                   const std::stop_token& stop) {
  const bool leftOut = m_builder.report().of(Defect::kLeftOutByRequest) > 0;
  if (m_builder.eventCount() == 0 && m_counters.empty() && !leftOut) {
    return fail(
        ErrorCode::kInvalidInput,
        "no events: none of the {} entries of the event array is one; record again with the "
        "profiler's activities on (docs/recording.md)",
        document.entries);
  }
  m_openRanges.closeAll(m_lastNs, m_builder);
  dropZeroTimes();
  m_flows.resolve(m_rows, m_builder, stop);
  linkCollectives();
  m_counters.moveTo(m_builder);
  m_rows.applyNames();
  m_builder.report().add(document.report);
  describeRank(document, path);
  m_builder.setTag(trace::Tag::kMeasured);
  m_builder.setFormat("kineto");
  return std::move(m_builder);
}

}  // namespace caracal::import::kineto
