#include "core/import/nsys/nvtx_table.h"

#include <algorithm>
#include <array>
#include <charconv>

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

enum NvtxColumn { kStart, kEnd, kType, kThread, kText, kTextId, kDomain, kJson };

// eventType, as Nsight Systems numbers it.
constexpr int64_t kCategory = 33, kMark = 34, kThreadName = 39, kPushPop = 59, kStartEnd = 60,
                  kTextPushPop = 70, kTextStartEnd = 71,
                  kDomainCreate = recording::kNvtxDomainCreate, kDomainDestroy = 76;

bool isRange(int64_t type) {
  return type == kPushPop || type == kStartEnd || type == kTextPushPop || type == kTextStartEnd;
}

// Where and what a row is; its times and label are read when it is known to be an event.
struct NvtxKey {
  int64_t type = 0;
  int64_t globalTid = 0;
  int64_t domain = 0;
  bool isStartEnd() const { return type == kStartEnd || type == kTextStartEnd; }
};

constexpr const char* kTable = "NVTX_EVENTS";
const std::vector<Column> kColumns{{"start", Column::Missing::kCounted},
                                   {"end", Column::Missing::kCounted},
                                   {"eventType", Column::Missing::kCounted},
                                   {"globalTid", Column::Missing::kCounted},
                                   {"text"},
                                   {"textId"},
                                   {"domainId"},
                                   {"jsonText"}};

class NvtxReader {
 public:
  explicit NvtxReader(Reading& reading)
      : m_reading(reading),
        m_registered(reading.strings, reading.builder, asStored),
        m_caracal(reading) {}

  Result<void> read();

 private:
  struct Domain {
    std::string name;  // empty: nothing says
    bool isCaracal = false;
  };
  using DomainKey = std::pair<ProcessKey, int64_t>;

  void loadDomains();
  void nameDomain(const Statement& row);
  Domain& domainOf(const DomainKey& key);
  void readRow(const Statement& row);
  void addEvent(const Statement& row, const NvtxKey& key);
  EventIndex addAnnotation(const Statement& row, const NvtxKey& key, const Times& times,
                           std::string_view label, const Domain& domain);
  TrackIndex trackOf(const NvtxKey& key, const Domain& domain);
  // Valid until the next call, or the next row.
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
  std::string m_label;  // a copy of a registered one: names of the builder move when one is added
  bool m_strippedLabels = false;
};

// Names of domains stand in rows that may come after the ranges they name; most files need none.
// What cannot be read here cannot be read by the loop over all rows either, and is counted there.
void NvtxReader::loadDomains() {
  m_domainsLoaded = true;
  auto rows = m_reading.file.selectWhere(kTable, kColumns, "eventType", kDomainCreate);
  while (rows && *rows && stepRow(*rows) == SQLITE_ROW) nameDomain(*rows);
}

void NvtxReader::nameDomain(const Statement& row) {
  const std::string name(labelOf(row));
  m_domains[{processOf(row.integer(kThread)), row.integer(kDomain)}] = {
      name, name == recording::kCaracalDomain};
}

NvtxReader::Domain& NvtxReader::domainOf(const DomainKey& key) {
  const auto known = m_domains.find(key);
  if (known != m_domains.end()) return known->second;
  if (key.second == 0) return m_domains.emplace(key, Domain{"default"}).first->second;
  if (!m_domainsLoaded) loadDomains();
  return m_domains[key];
}

std::string_view NvtxReader::labelOf(const Statement& row) {
  // A text that SQLite has no memory for is told from an absent one at the next step.
  if (const std::string_view text = row.text(kText); text.data() != nullptr) return text;
  if (const auto id = row.integerIf(kTextId)) {
    m_label = m_reading.builder.nameOf(m_registered(*id));
  } else {
    m_reading.report().count(Defect::kMissingName);
    m_label = "(unnamed)";
  }
  return m_label;
}

TrackIndex NvtxReader::trackOf(const NvtxKey& key, const Domain& domain) {
  if (key.domain == 0 && !key.isStartEnd()) return m_reading.tracks.thread(key.globalTid);
  const auto [found, isNew] =
      m_lanes.try_emplace({key.globalTid, key.domain, key.isStartEnd()}, trace::kNoIndex);
  if (isNew) {
    std::string lane;
    if (key.domain != 0)
      lane = domain.name.empty() ? fmt::format("[domain {}]", key.domain) : "[" + domain.name + "]";
    if (key.isStartEnd()) lane += lane.empty() ? "start/end ranges" : " start/end ranges";
    found->second = m_reading.tracks.threadLane(key.globalTid, lane);
  }
  return found->second;
}

EventIndex NvtxReader::addAnnotation(const Statement& row, const NvtxKey& key, const Times& times,
                                     std::string_view label, const Domain& domain) {
  trace::TraceBuilder& builder = m_reading.builder;
  const std::string_view shown = operatorOfLabel(label);
  m_strippedLabels = m_strippedLabels || shown.size() != label.size();
  const EventIndex event =
      builder.add({.track = trackOf(key, domain),
                   .kind = isRange(key.type) ? EventKind::kAnnotation : EventKind::kInstant,
                   .name = builder.intern(shown),
                   .beginNs = times.beginNs,
                   .durationNs = times.durationNs});
  const CollectiveKind collective =
      key.domain == 0 ? CollectiveKind::kNone : collectiveOfNcclCall(label);
  if (collective != CollectiveKind::kNone) {
    const std::string_view payload = row.isNull(kJson) ? std::string_view() : row.text(kJson);
    builder.setArgs(event, {.bytes = messageBytesOf(payload), .collective = collective});
  }
  return event;
}

void NvtxReader::addEvent(const Statement& row, const NvtxKey& key) {
  const bool isOpen = isRange(key.type) && row.isNull(kEnd);
  std::optional<Times> times;
  if (isRange(key.type) && !isOpen) {
    times = timesOf(row, m_reading.report());
  } else if (const auto begin = startOf(row, m_reading.report())) {
    times = Times{*begin, 0};
  }
  if (!times) return;
  Domain& domain = domainOf({processOf(key.globalTid), key.domain});
  const std::string_view label = labelOf(row);
  // A trimmed export has lost the row that names the domain; NCCL's calls give it away.
  if (domain.name.empty() && label.substr(0, 4) == "nccl") domain.name = "NCCL";
  const bool isOwn = domain.isCaracal && isRange(key.type);
  if (!isOwn && !isOpen && isLeftOut(m_reading, *times)) {
    trackOf(key, domain);
    return;
  }
  const EventIndex event =
      isOwn ? m_caracal.add(key.globalTid, label, *times,
                            isOpen ? CaracalRanges::End::kOpen : CaracalRanges::End::kKnown)
            : addAnnotation(row, key, *times, label, domain);
  if (isOpen) m_open.push_back(event);
}

void NvtxReader::readRow(const Statement& row) {
  const NvtxKey key{row.integer(kType), row.integer(kThread), row.integer(kDomain)};
  if (key.type == kThreadName)
    m_reading.tracks.nameThread(key.globalTid, std::string(labelOf(row)));
  if (key.type == kDomainCreate && m_domains.count({processOf(key.globalTid), key.domain}) == 0)
    nameDomain(row);
  if (key.type == kCategory || key.type == kThreadName || key.type == kDomainCreate ||
      key.type == kDomainDestroy) {
    return;
  }
  if (key.type != kMark && !isRange(key.type)) m_reading.report().count(Defect::kUnknownCategory);
  ++m_reading.builder.rank(m_reading.tracks.rankOfThread(key.globalTid)).sourceRecords;
  addEvent(row, key);
}

void NvtxReader::closeOpenRanges() {
  trace::TraceBuilder& builder = m_reading.builder;
  if (m_open.empty()) return;
  int64_t end = builder.leftOutRange().endNs;
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

int64_t messageBytesOf(std::string_view payloadJson) {
  constexpr std::string_view kKey = "\"Message size [bytes]\":";  // NCCL's src/include/nvtx.h
  const size_t key = payloadJson.find(kKey);
  if (key == std::string_view::npos) return -1;
  const size_t value =
      std::min(payloadJson.find_first_not_of(' ', key + kKey.size()), payloadJson.size());
  int64_t bytes = -1;
  std::from_chars(payloadJson.data() + value, payloadJson.data() + payloadJson.size(), bytes);
  return bytes;
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
