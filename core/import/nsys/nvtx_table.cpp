#include "core/import/nsys/nvtx_table.h"

#include <algorithm>
#include <array>

#include "core/import/nsys/caracal_ranges.h"
#include "core/recording/recording_schema.h"

namespace caracal::import::nsys {
namespace {

using sqlite::Statement;
using trace::CollectiveKind;
using trace::Defect;
using trace::EventIndex;
using trace::EventKind;
using trace::TrackIndex;

enum NvtxColumn { kStart, kEnd, kType, kThread, kText, kTextId, kDomain };

// eventType, as Nsight Systems numbers it.
constexpr int64_t kCategory = 33, kMark = 34, kThreadName = 39, kPushPop = 59, kStartEnd = 60,
                  kTextPushPop = 70, kTextStartEnd = 71,
                  kDomainCreate = recording::kNvtxDomainCreate, kDomainDestroy = 76;

bool isRange(int64_t type) {
  return type == kPushPop || type == kStartEnd || type == kTextPushPop || type == kTextStartEnd;
}

constexpr const char* kTable = "NVTX_EVENTS";
const std::vector<Column> kColumns{{"start", Column::Missing::kCounted},
                                   {"end", Column::Missing::kCounted},
                                   {"eventType", Column::Missing::kCounted},
                                   {"globalTid", Column::Missing::kCounted},
                                   {"text"},
                                   {"textId"},
                                   {"domainId"}};

class NvtxReader {
 public:
  explicit NvtxReader(Reading& reading)
      : m_reading(reading),
        m_registered(reading.strings, reading.builder, asStored),
        m_caracal(reading.builder, reading.tracks) {}

  Result<void> read();

 private:
  struct Domain {
    std::string name;  // empty: nothing says
    bool isCaracal = false;
  };
  using DomainKey = std::pair<ProcessKey, int64_t>;

  void loadDomains();
  Domain& domainOf(const DomainKey& key);
  void readRow(const Statement& row);
  void addEvent(const Statement& row, int64_t type);
  void addAnnotation(const Statement& row, int64_t type, const Times& times, std::string_view label,
                     const Domain& domain);
  TrackIndex trackOf(int64_t globalTid, int64_t domainId, int64_t type, const Domain& domain);
  // Valid until the next call.
  std::string_view labelOf(const Statement& row);
  void closeOpenRanges();

  Reading& m_reading;
  IdNames m_registered;
  CaracalRanges m_caracal;
  std::map<DomainKey, Domain> m_domains;
  bool m_domainsLoaded = false;
  std::map<std::tuple<int64_t, int64_t, bool>, TrackIndex>
      m_lanes;  // thread, domain, start/end ranges
  std::vector<EventIndex> m_open;
  std::string m_label;  // a copy: names of the builder move when one is added
  bool m_strippedLabels = false;
};

// Names of domains stand in rows that may come after the ranges they name; most files need none.
// What cannot be read here cannot be read by the loop over all rows either, and is counted there.
void NvtxReader::loadDomains() {
  m_domainsLoaded = true;
  auto rows = m_reading.file.selectWhere(kTable, kColumns, "eventType", kDomainCreate);
  while (rows && *rows && rows->stepCode() == SQLITE_ROW) {
    const std::string name(labelOf(*rows));
    const DomainKey key{processOf(rows->integer(kThread)), rows->integer(kDomain)};
    m_domains[key] = {name, name == recording::kCaracalDomain};
  }
}

NvtxReader::Domain& NvtxReader::domainOf(const DomainKey& key) {
  const auto known = m_domains.find(key);
  if (known != m_domains.end()) return known->second;
  if (key.second == 0) return m_domains.emplace(key, Domain{"default"}).first->second;
  if (!m_domainsLoaded) loadDomains();
  return m_domains[key];
}

std::string_view NvtxReader::labelOf(const Statement& row) {
  if (!row.isNull(kText)) {
    m_label = row.text(kText);
  } else if (!row.isNull(kTextId)) {
    m_label = m_reading.builder.nameOf(m_registered(row.integer(kTextId)));
  } else {
    m_reading.report().count(Defect::kMissingName);
    m_label = "(unnamed)";
  }
  return m_label;
}

TrackIndex NvtxReader::trackOf(int64_t globalTid, int64_t domainId, int64_t type,
                               const Domain& domain) {
  const bool startEnd = type == kStartEnd || type == kTextStartEnd;
  if (domainId == 0 && !startEnd) return m_reading.tracks.thread(globalTid);
  const auto [found, isNew] = m_lanes.try_emplace({globalTid, domainId, startEnd}, trace::kNoIndex);
  if (isNew) {
    std::string lane;
    if (domainId != 0)
      lane = domain.name.empty() ? fmt::format("[domain {}]", domainId) : "[" + domain.name + "]";
    if (startEnd) lane += lane.empty() ? "start/end ranges" : " start/end ranges";
    found->second = m_reading.tracks.threadLane(globalTid, lane);
  }
  return found->second;
}

void NvtxReader::addAnnotation(const Statement& row, int64_t type, const Times& times,
                               std::string_view label, const Domain& domain) {
  trace::TraceBuilder& builder = m_reading.builder;
  const int64_t domainId = row.integer(kDomain);
  const std::string_view shown = operatorOfLabel(label);
  m_strippedLabels = m_strippedLabels || shown.size() != label.size();
  const EventIndex event =
      builder.add({.track = trackOf(row.integer(kThread), domainId, type, domain),
                   .kind = isRange(type) ? EventKind::kAnnotation : EventKind::kInstant,
                   .name = builder.intern(shown),
                   .beginNs = times.beginNs,
                   .durationNs = times.durationNs});
  if (isRange(type) && row.isNull(kEnd)) m_open.push_back(event);
  if (domainId == 0) return;
  const CollectiveKind collective = collectiveOfNcclCall(label);
  if (collective != CollectiveKind::kNone) builder.setArgs(event, {.collective = collective});
}

void NvtxReader::addEvent(const Statement& row, int64_t type) {
  const bool isOpen = isRange(type) && row.isNull(kEnd);
  std::optional<Times> times;
  if (isRange(type) && !isOpen) {
    times = timesOf(row, m_reading.report());
  } else if (const auto begin = startOf(row, m_reading.report())) {
    times = Times{*begin, 0};
  }
  if (!times) return;
  const int64_t globalTid = row.integer(kThread);
  Domain& domain = domainOf({processOf(globalTid), row.integer(kDomain)});
  const std::string_view label = labelOf(row);
  // A trimmed export has lost the row that names the domain; NCCL's calls give it away.
  if (domain.name.empty() && label.substr(0, 4) == "nccl") domain.name = "NCCL";
  if (!domain.isCaracal || !isRange(type)) return addAnnotation(row, type, *times, label, domain);
  const EventIndex event = m_caracal.add(globalTid, label, times->beginNs, times->durationNs);
  if (isOpen) m_open.push_back(event);
}

void NvtxReader::readRow(const Statement& row) {
  const int64_t type = row.integer(kType);
  if (type == kThreadName)
    m_reading.tracks.nameThread(row.integer(kThread), std::string(labelOf(row)));
  if (type == kCategory || type == kThreadName || type == kDomainCreate || type == kDomainDestroy)
    return;
  if (type != kMark && !isRange(type)) m_reading.report().count(Defect::kUnknownCategory);
  ++m_reading.builder.rank(m_reading.tracks.rankOfThread(row.integer(kThread))).sourceRecords;
  addEvent(row, type);
}

void NvtxReader::closeOpenRanges() {
  trace::TraceBuilder& builder = m_reading.builder;
  if (m_open.empty()) return;
  int64_t end = std::numeric_limits<int64_t>::min();
  builder.forEachEvent(
      [&](EventIndex e) { end = std::max(end, builder.beginOf(e) + builder.durationOf(e)); });
  for (const EventIndex event : m_open) {
    builder.setDuration(event, end - builder.beginOf(event));
    trace::EventArgs args = builder.argsOf(event);
    args.detail = builder.intern("still open when recording stopped");
    builder.setArgs(event, args);
    builder.report().count(Defect::kOpenRange);
  }
}

Result<void> NvtxReader::read() {
  CARACAL_TRY(rows, m_reading.file.select(kTable, kColumns, m_reading.report()));
  if (!rows) return {};
  CARACAL_CHECK_OK(forEachRow(m_reading, kTable, rows, [&] { readRow(rows); }));
  closeOpenRanges();
  m_caracal.assignSteps();
  if (m_strippedLabels) {
    m_reading.report().notes.emplace_back(
        "PyTorch ranges are named by operator; their op_id, seq and sizes are not kept");
  }
  return {};
}

}  // namespace

Result<void> readNvtx(Reading& reading) {
  return NvtxReader(reading).read();
}

std::string_view operatorOfLabel(std::string_view label) {
  const size_t comma = label.find(", ");
  if (comma == std::string_view::npos || comma == 0) return label;
  const std::string_view rest = label.substr(comma + 2);
  for (const std::string_view field : {"op_id = ", "seq = ", "sizes = "}) {
    if (rest.substr(0, field.size()) == field) return label.substr(0, comma);
  }
  return label;
}

CollectiveKind collectiveOfNcclCall(std::string_view label) {
  using Entry = std::pair<std::string_view, CollectiveKind>;
  static constexpr std::array<Entry, 11> kCalls{
      {{"ncclAllReduce", CollectiveKind::kAllReduce},
       {"ncclAllGather", CollectiveKind::kAllGather},
       {"ncclReduceScatter", CollectiveKind::kReduceScatter},
       {"ncclBroadcast", CollectiveKind::kBroadcast},
       {"ncclBcast", CollectiveKind::kBroadcast},
       {"ncclReduce", CollectiveKind::kReduce},
       {"ncclAllToAll", CollectiveKind::kAllToAll},
       {"ncclAlltoAll", CollectiveKind::kAllToAll},
       {"ncclSend", CollectiveKind::kSend},
       {"ncclRecv", CollectiveKind::kRecv},
       {"ncclBarrier", CollectiveKind::kBarrier}}};
  const auto found = std::find_if(kCalls.begin(), kCalls.end(),
                                  [&](const Entry& call) { return call.first == label; });
  return found == kCalls.end() ? CollectiveKind::kNone : found->second;
}

}  // namespace caracal::import::nsys
