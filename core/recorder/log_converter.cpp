#include "core/recorder/log_converter.h"

#include <algorithm>
#include <cstring>

#include "core/base/system_message.h"
#include "core/recording/recording.h"
#include "core/recording/recording_schema.h"

namespace caracal::recorder {
namespace {

constexpr int64_t kDomainRow = recording::kNvtxDomainCreate;

tl::unexpected<Error> cutShort() {
  return fail(ErrorCode::kInvalidInput, "a record is shorter than its kind");
}

}  // namespace

template <class Record, class Write>
Result<bool> LogConverter::addTimed(const RecordView& view, int64_t& count, const Write& write) {
  const Record* const record = recordAs<Record>(view);
  if (!record) return cutShort();
  if (!isTimed(record->startNs, record->endNs)) return true;
  ++count;
  CARACAL_CHECK_OK(write(*record));
  return true;
}

bool LogConverter::isTimed(int64_t startNs, int64_t endNs) {
  if (!isClockTime(startNs) || !isClockTime(endNs) || endNs < startNs) {
    ++m_result.lost[static_cast<size_t>(LossReason::kNoTime)];
    return false;
  }
  m_beginNs = m_sawRecord ? std::min(m_beginNs, startNs) : startNs;
  m_endNs = m_sawRecord ? std::max(m_endNs, endNs) : endNs;
  m_sawRecord = true;
  return true;
}

const std::string& LogConverter::textOf(uint32_t id) const {
  static const std::string kUnknown = "(unnamed)";
  const auto found = m_texts.find(id);
  return found == m_texts.end() ? kUnknown : found->second;
}

Result<bool> LogConverter::addActivity(const RecordView& view) {
  const auto plain = [&](const auto& record) { return m_tables.add(record); };
  switch (view.kind) {
    case RecordKind::kKernel:
      return addTimed<KernelRecord>(view, m_result.kernels, [&](const KernelRecord& kernel) {
        return m_tables.add(kernel, textOf(kernel.nameId));
      });
    case RecordKind::kCopy:
      return addTimed<CopyRecord>(view, m_result.copies, plain);
    case RecordKind::kSet:
      return addTimed<SetRecord>(view, m_result.sets, plain);
    case RecordKind::kSynchronization:
      return addTimed<SynchronizationRecord>(
          view, m_result.waits, [&](const SynchronizationRecord& wait) {
            const auto device = m_deviceOfContext.find(wait.context);
            return m_tables.add(wait, device == m_deviceOfContext.end() ? 0 : device->second);
          });
    case RecordKind::kOverhead:
      return addTimed<OverheadRecord>(view, m_result.overheadRows, plain);
    case RecordKind::kApiCall:
      return addTimed<ApiRecord>(view, m_result.apiCalls, [&](const ApiRecord& call) {
        return m_tables.add(call, textOf(call.nameId));
      });
    case RecordKind::kGraphLaunch:
      return addTimed<GraphLaunchRecord>(view, m_result.graphs, plain);
    default:
      return false;
  }
}

Result<bool> LogConverter::addHardware(const RecordView& view) {
  if (const auto* context = recordAs<ContextRecord>(view);
      context && view.kind == RecordKind::kContext) {
    m_deviceOfContext[context->context] = context->device;
    CARACAL_CHECK_OK(m_tables.add(*context));
  } else if (const auto* device = recordAs<DeviceRecord>(view);
             device && view.kind == RecordKind::kDevice) {
    CARACAL_CHECK_OK(m_tables.add(*device, textOf(device->nameId)));
  } else if (const auto* stream = recordAs<StreamRecord>(view);
             stream && view.kind == RecordKind::kStream) {
    CARACAL_CHECK_OK(m_tables.add(*stream));
  } else if (const auto* external = recordAs<ExternalCorrelationRecord>(view);
             external && view.kind == RecordKind::kExternalCorrelation) {
    CARACAL_CHECK_OK(m_tables.add(*external));
  } else {
    return false;
  }
  return true;
}

Result<void> LogConverter::addName(const RecordView& view) {
  const auto* const record = recordAs<NameRecord>(view);
  if (!record) return cutShort();
  if (!isTimed(record->timeNs, record->timeNs)) return {};
  const std::string_view text = textAfter(view, sizeof *record, 0, record->textBytes);
  if (view.kind == RecordKind::kThreadName) return m_tables.addThreadName(record->number, text);
  CARACAL_TRY(textId, m_tables.idOf(text));
  constexpr int64_t kCategoryRow = 33;
  const bool isDomain = view.kind == RecordKind::kDomain;
  return m_tables.add(RangeRow{.beginNs = record->timeNs,
                               .eventType = isDomain ? kDomainRow : kCategoryRow,
                               .category = isDomain ? 0 : record->number,
                               .domain = record->domain,
                               .threadId = view.threadId,
                               .textId = textId});
}

Result<void> LogConverter::addSchema(const RecordView& view) {
  const auto* const record = recordAs<SchemaRecord>(view);
  if (!record) return cutShort();
  PayloadSchema schema = schemaOf(view);
  CARACAL_CHECK_OK(m_tables.addSchema(*record, schema.name));
  const std::string_view list =
      textAfter(view, sizeof *record, 0, schema.entries.size() * sizeof(SchemaEntry));
  for (size_t i = 0; i < schema.entries.size(); ++i) {
    SchemaEntry entry{};
    std::memcpy(&entry, list.data() + i * sizeof entry, sizeof entry);
    CARACAL_CHECK_OK(
        m_tables.addSchemaEntry(*record, static_cast<int64_t>(i), entry, schema.entries[i].name));
  }
  m_ranges.addSchema(record->domain, record->schema, std::move(schema));
  return {};
}

Result<void> LogConverter::addOwn(const RecordView& view) {
  if (view.kind == RecordKind::kText) {
    const auto* const record = recordAs<TextRecord>(view);
    if (record) m_texts[record->id] = textAfter(view, sizeof *record, 0, record->textBytes);
  } else if (view.kind == RecordKind::kAnchor) {
    const auto* const record = recordAs<AnchorRecord>(view);
    if (!record) return cutShort();
    if (!isTimed(record->timeNs, record->timeNs)) return {};
    return m_tables.add(*record);
  } else if (view.kind == RecordKind::kLoss) {
    const auto* const record = recordAs<LossRecord>(view);
    const auto reason = record ? static_cast<size_t>(record->reason) : m_result.lost.size();
    if (reason < m_result.lost.size())
      m_result.lost[reason] += static_cast<int64_t>(record->records);
  } else if (view.kind == RecordKind::kStep) {
    const auto* const record = recordAs<StepRecord>(view);
    if (!record) return cutShort();
    if (!isTimed(record->timeNs, record->timeNs)) return {};
    m_steps.push_back(*record);
    ++m_result.steps;
    if (record->collecting) ++m_result.recordedSteps;
    return m_tables.add(*record);
  } else if (view.kind == RecordKind::kCollection) {
    const auto* const record = recordAs<CollectionRecord>(view);
    if (!record) return cutShort();
    if (isTimed(record->timeNs, record->timeNs)) return m_tables.add(*record);
  } else if (view.kind == RecordKind::kNote) {
    const auto* const record = recordAs<NoteRecord>(view);
    if (!record) return cutShort();
    if (!isTimed(record->timeNs, record->timeNs)) return {};
    const std::string_view text = textAfter(view, sizeof *record, 0, record->textBytes);
    if (record->isWarning) m_result.warnings.emplace_back(text);
    return m_tables.addNote(record->timeNs, record->isWarning != 0, text);
  } else if (view.kind == RecordKind::kEnd) {
    const auto* const record = recordAs<EndRecord>(view);
    m_result.reachedEnd = true;
    if (record) m_result.writerCpuNs = record->writerCpuNs;
  }
  return {};
}

Result<void> LogConverter::add(const RecordView& view) {
  CARACAL_TRY(isActivity, addActivity(view));
  if (isActivity) return {};
  CARACAL_TRY(isHardware, addHardware(view));
  if (isHardware) return {};
  switch (view.kind) {
    case RecordKind::kRangePush:
    case RecordKind::kRangePop:
    case RecordKind::kRangeStart:
    case RecordKind::kRangeEnd:
    case RecordKind::kMark:
      if (const auto* record = recordAs<RangeRecord>(view);
          record && !isTimed(record->timeNs, record->timeNs))
        return {};
      return m_ranges.add(view);
    case RecordKind::kDomain:
    case RecordKind::kThreadName:
    case RecordKind::kCategoryName:
      return addName(view);
    case RecordKind::kPayloadSchema:
      return addSchema(view);
    default:
      return addOwn(view);
  }
}

Result<void> LogConverter::writeOverhead() {
  m_result.overhead = measuredOverhead(m_steps);
  if (!m_result.overhead) return {};
  const Overhead& overhead = *m_result.overhead;
  CARACAL_CHECK_OK(m_tables.setMeta("overhead.onNs", std::to_string(overhead.onNs)));
  CARACAL_CHECK_OK(m_tables.setMeta("overhead.offNs", std::to_string(overhead.offNs)));
  CARACAL_CHECK_OK(m_tables.setMeta("overhead.onSteps", std::to_string(overhead.onSteps)));
  CARACAL_CHECK_OK(m_tables.setMeta("overhead.offSteps", std::to_string(overhead.offSteps)));
  return m_tables.setMeta("overhead.pct", fmt::format("{:.2f}", overhead.percent()));
}

Result<void> LogConverter::writeMeta(const SessionClock& clock) {
  const auto put = [&](const char* key, const std::string& value) {
    return m_tables.setMeta(key, value);
  };
  CARACAL_CHECK_OK(put("recordingVersion", std::to_string(recording::kRecordingVersion)));
  CARACAL_CHECK_OK(put("runId", fmt::format("{:016x}", m_start.header.session)));
  CARACAL_CHECK_OK(put("clock", "wall"));
  CARACAL_CHECK_OK(put("tag", "measured"));
  CARACAL_CHECK_OK(put("toolVersion", CARACAL_VERSION));
  CARACAL_CHECK_OK(put("ended", m_result.reachedEnd ? "end" : "killed"));
  for (const auto& [key, value] : m_start.facts) CARACAL_CHECK_OK(put(key.c_str(), value));
  const Launch& launch = m_result.launch;
  if (launch.rank >= 0) {
    CARACAL_CHECK_OK(put("launcher", launch.launcher));
    CARACAL_CHECK_OK(put("rank", std::to_string(launch.rank)));
    CARACAL_CHECK_OK(put("worldSize", std::to_string(launch.worldSize)));
    CARACAL_CHECK_OK(put("localRank", std::to_string(launch.localRank)));
  }
  return m_tables.setSession(clock.utcEpochNs, m_beginNs, m_endNs);
}

Result<void> LogConverter::finish(const LogEnd& end, const SessionClock& clock) {
  CARACAL_CHECK_OK(m_ranges.finish());
  m_result.ranges = m_ranges.rows();
  m_result.openRanges = m_ranges.openRanges();
  m_result.state = static_cast<LogState>(end.header.state);
  m_result.frames = end.frames;
  m_result.lostBytes = end.lostBytes;
  m_result.spanNs = m_endNs - m_beginNs;
  for (uint32_t reason = 0; reason < kLossReasons; ++reason) {
    if (m_result.lost[reason] == 0) continue;
    const char* const name = nameOf(static_cast<LossReason>(reason));
    CARACAL_CHECK_OK(m_tables.addLoss(name, m_result.lost[reason]));
    CARACAL_CHECK_OK(m_tables.addNote(
        m_endNs, true, fmt::format("{} records were dropped: {}", m_result.lost[reason], name)));
  }
  if (m_result.state == LogState::kWriteFailed) {
    m_result.warnings.push_back(fmt::format(
        "the log could not be written further ({}); the rest of this process is not recorded",
        systemMessage(end.header.writeError)));
    CARACAL_CHECK_OK(
        m_tables.addNote(m_endNs, true, "records were lost: " + m_result.warnings.back()));
  }
  CARACAL_CHECK_OK(writeOverhead());
  CARACAL_CHECK_OK(writeMeta(clock));
  const auto factOr = [&](const char* key) {
    const auto found = m_start.facts.find(key);
    return found == m_start.facts.end() ? std::string() : found->second;
  };
  return m_tables.addProcess(factOr("command"), factOr("host"));
}

}  // namespace caracal::recorder
