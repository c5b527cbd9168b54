#include "core/recorder/tables.h"

#include <bit>
#include <filesystem>
#include <optional>

#include "core/recorder/kernel_names.h"
#include "core/recorder/tables_schema.h"
#include "core/recording/recording_schema.h"

namespace caracal::recorder {
namespace {

using sqlite::Statement;
using std::nullopt;
using MaybeInteger = std::optional<int64_t>;

void bindOne(Statement& statement, int parameter, int64_t value) {
  statement.bind(parameter, value);
}
void bindOne(Statement& statement, int parameter, double value) {
  statement.bind(parameter, value);
}
void bindOne(Statement& statement, int parameter, std::string_view value) {
  statement.bind(parameter, value);
}
template <class Value>
void bindOne(Statement& statement, int parameter, const std::optional<Value>& value) {
  if (value) {
    bindOne(statement, parameter, *value);
  } else {
    statement.bindNull(parameter);
  }
}
template <class Integer>
requires std::is_integral_v<Integer>
void bindOne(Statement& statement, int parameter, Integer value) {
  statement.bind(parameter, static_cast<int64_t>(value));
}

MaybeInteger unlessZero(uint64_t value) {
  if (value == 0) return nullopt;
  return static_cast<int64_t>(value);
}

MaybeInteger deviceOrNull(uint32_t device) {
  if (device == kNoDevice) return nullopt;
  return device;
}

std::string uuidText(const uint8_t (&bytes)[16]) {
  std::string text;
  for (size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", bytes[i]);
  }
  return text;
}

// NVTX's nvtxPayloadType_t, in the order of the value columns of NVTX_EVENTS.
constexpr uint32_t kUint64 = 1, kInt64 = 2, kDouble = 3, kUint32 = 4, kInt32 = 5, kFloat = 6;

MaybeInteger integerOf(const RangeRow& range, uint32_t type) {
  if (range.payloadType != type) return nullopt;
  if (type == kUint32) return static_cast<uint32_t>(range.payload);
  if (type == kInt32) return static_cast<int32_t>(range.payload);
  return static_cast<int64_t>(range.payload);
}

std::optional<double> realOf(const RangeRow& range, uint32_t type) {
  if (range.payloadType != type) return nullopt;
  if (type == kDouble) return std::bit_cast<double>(range.payload);
  return double{std::bit_cast<float>(static_cast<uint32_t>(range.payload))};
}

}  // namespace

Result<Tables> Tables::create(const std::string& path, int64_t pid, ClockMap clock) {
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  CARACAL_TRY(database, sqlite::Database::open(path, sqlite::Access::kCreate));
  Tables tables(std::move(database));
  tables.m_pid = pid;
  tables.m_globalPid = recording::globalPid(pid);
  tables.m_clock = std::move(clock);
  // The log is still there when this fails half way: no journal is needed.
  CARACAL_CHECK_OK(
      tables.m_database.execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN;"));
  CARACAL_CHECK_OK(tables.m_database.execute(std::string(kNsightSchema) + kCaracalSchema));
  return tables;
}

Result<Statement*> Tables::statement(const char* sql) {
  const auto found = m_statements.find(sql);
  if (found != m_statements.end()) return &found->second;
  CARACAL_TRY(prepared, m_database.prepare(sql));
  return &m_statements.emplace(sql, std::move(prepared)).first->second;
}

template <class... Values>
Result<void> Tables::insert(const char* sql, const Values&... values) {
  CARACAL_TRY(prepared, statement(sql));
  int parameter = 0;
  (bindOne(*prepared, ++parameter, values), ...);
  return prepared->run();
}

Result<int64_t> Tables::idOf(std::string_view text) {
  const auto [found, isNew] =
      m_stringIds.try_emplace(std::string(text), static_cast<int64_t>(m_stringIds.size()) + 1);
  if (isNew) CARACAL_CHECK_OK(insert("INSERT INTO StringIds VALUES (?,?)", found->second, text));
  return found->second;
}

Result<Tables::KernelNames> Tables::kernelNames(uint32_t nameId, const std::string& symbol) {
  const auto found = m_kernelNames.find(nameId);
  if (found != m_kernelNames.end()) return found->second;
  const std::string signature = demangled(symbol);
  CARACAL_TRY(mangledId, idOf(symbol));
  CARACAL_TRY(signatureId, idOf(signature));
  CARACAL_TRY(shortId, idOf(shortName(signature)));
  return m_kernelNames[nameId] = KernelNames{mangledId, signatureId, shortId};
}

Result<void> Tables::add(const KernelRecord& kernel, const std::string& symbol) {
  CARACAL_TRY(names, kernelNames(kernel.nameId, symbol));
  return insert(
      "INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES "
      "(?,?,?,?,NULL,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
      shifted(kernel.startNs), shifted(kernel.endNs), kernel.device, kernel.context, kernel.stream,
      kernel.correlation, m_globalPid, names.signatureId, names.shortId, names.mangledId,
      kernel.registers, kernel.grid[0], kernel.grid[1], kernel.grid[2], kernel.block[0],
      kernel.block[1], kernel.block[2], kernel.staticSharedBytes, kernel.dynamicSharedBytes,
      kernel.localBytesPerThread, unlessZero(kernel.graphNodeId), unlessZero(kernel.graphId),
      kernel.cluster[0], kernel.cluster[1], kernel.cluster[2]);
}

Result<void> Tables::add(const CopyRecord& copy) {
  return insert("INSERT INTO CUPTI_ACTIVITY_KIND_MEMCPY VALUES (?,?,?,?,NULL,?,?,?,?,?,?,?,?,?,?)",
                shifted(copy.startNs), shifted(copy.endNs), copy.device, copy.context, copy.stream,
                copy.correlation, m_globalPid, copy.bytes, copy.copyKind, copy.srcKind,
                copy.dstKind, deviceOrNull(copy.srcDevice), deviceOrNull(copy.dstDevice),
                unlessZero(copy.graphNodeId));
}

Result<void> Tables::add(const SetRecord& set) {
  return insert("INSERT INTO CUPTI_ACTIVITY_KIND_MEMSET VALUES (?,?,?,?,NULL,?,?,?,?,?,?,?)",
                shifted(set.startNs), shifted(set.endNs), set.device, set.context, set.stream,
                set.correlation, m_globalPid, set.value, set.bytes, unlessZero(set.graphNodeId),
                set.memoryKind);
}

Result<void> Tables::add(const SynchronizationRecord& wait, uint32_t device) {
  return insert("INSERT INTO CUPTI_ACTIVITY_KIND_SYNCHRONIZATION VALUES (?,?,?,?,NULL,?,?,?,?,?)",
                shifted(wait.startNs), shifted(wait.endNs), device, wait.context, wait.stream,
                wait.correlation, m_globalPid, wait.type, wait.eventId);
}

Result<void> Tables::add(const OverheadRecord& overhead) {
  CARACAL_TRY(nameId, idOf(fmt::format("CUPTI overhead {}", overhead.kind)));
  return insert("INSERT INTO CUPTI_ACTIVITY_KIND_OVERHEAD VALUES (?,?,?,?,?,?)",
                shifted(overhead.startNs), shifted(overhead.endNs),
                recording::globalTid(m_pid, overhead.threadId), overhead.correlation, nameId,
                overhead.kind);
}

Result<void> Tables::add(const ApiRecord& call, std::string_view name) {
  constexpr const char* kInsert =
      "INSERT INTO CUPTI_ACTIVITY_KIND_RUNTIME VALUES (?,?,?,?,?,?,?,NULL)";
  if (!m_statements.count(kInsert)) CARACAL_CHECK_OK(m_database.execute(kApiSchema));
  CARACAL_TRY(nameId, idOf(name));
  return insert(kInsert, shifted(call.startNs), shifted(call.endNs),
                static_cast<uint32_t>(call.apiClass), recording::globalTid(m_pid, call.threadId),
                call.correlation, nameId, call.returnValue);
}

Result<void> Tables::add(const ExternalCorrelationRecord& external) {
  return insert("INSERT INTO CARACAL_EXTERNAL_CORRELATION VALUES (?,?,?,?)", external.externalKind,
                external.externalId, external.correlation, m_globalPid);
}

Result<void> Tables::add(const GraphLaunchRecord& launch) {
  return insert("INSERT INTO CUPTI_ACTIVITY_KIND_GRAPH_TRACE VALUES (?,?,?,?,NULL,?,?,?,?)",
                shifted(launch.startNs), shifted(launch.endNs), launch.device, launch.context,
                launch.stream, launch.correlation, m_globalPid, launch.graphId);
}

Result<void> Tables::add(const ContextRecord& context) {
  return insert("INSERT INTO TARGET_INFO_CUDA_CONTEXT_INFO VALUES (?,0,0,?,?,?,?,?,?)",
                context.nullStream, m_pid, context.device, context.context,
                unlessZero(context.parentContext), context.isGreen,
                unlessZero(context.multiprocessors));
}

Result<void> Tables::add(const DeviceRecord& device, std::string_view name) {
  constexpr int64_t kKilo = 1000;
  CARACAL_CHECK_OK(insert("INSERT INTO TARGET_INFO_GPU VALUES (0,?,?,?,?,?,?,?,?,?,?)",
                          device.device, name, device.memoryBytes,
                          static_cast<int64_t>(device.bandwidthKBps) * kKilo,
                          device.clockKHz * kKilo, device.multiprocessors, uuidText(device.uuid),
                          device.device, device.computeMajor, device.computeMinor));
  return insert("INSERT INTO TARGET_INFO_CUDA_DEVICE VALUES (?,?,?)", device.device, device.device,
                m_pid);
}

Result<void> Tables::add(const StreamRecord& stream) {
  return insert("INSERT INTO TARGET_INFO_CUDA_STREAM VALUES (?,0,0,?,?,?,?)", stream.stream, m_pid,
                stream.context, stream.priority, stream.flag);
}

Result<void> Tables::add(const RangeRow& range) {
  const auto textOrNull = [](std::string_view text) {
    return text.empty() ? std::optional<std::string_view>() : text;
  };
  const auto threadOrNull = [&](int64_t thread) -> MaybeInteger {
    if (thread == 0) return nullopt;
    return recording::globalTid(m_pid, thread);
  };
  return insert("INSERT INTO NVTX_EVENTS VALUES (?,?,?,?,?,?,NULL,?,?,?,?,?,?,?,?,?,?,NULL,?,?)",
                shifted(range.beginNs), range.endNs < 0 ? MaybeInteger() : shifted(range.endNs),
                range.eventType, unlessZero(range.rangeId), unlessZero(range.category),
                unlessZero(range.color), threadOrNull(range.threadId),
                threadOrNull(range.endThreadId), unlessZero(static_cast<uint64_t>(range.textId)),
                range.domain, integerOf(range, kUint64), integerOf(range, kInt64),
                realOf(range, kDouble), integerOf(range, kUint32), integerOf(range, kInt32),
                realOf(range, kFloat), textOrNull(range.json), textOrNull(range.binary));
}

Result<void> Tables::add(const AnchorRecord& anchor) {
  return insert("INSERT INTO CARACAL_CLOCK VALUES (?,?,?,?,?,?)", shifted(anchor.timeNs),
                anchor.realtimeNs, anchor.monotonicNs, anchor.boottimeNs,
                unlessZero(static_cast<uint64_t>(anchor.cuptiNs)), anchor.uncertaintyNs);
}

Result<void> Tables::add(const StepRecord& step) {
  return insert("INSERT INTO CARACAL_STEP_START VALUES (?,?,?)", shifted(step.timeNs), step.step,
                step.collecting);
}

Result<void> Tables::add(const CollectionRecord& collection) {
  return insert("INSERT INTO CARACAL_COLLECTION VALUES (?,?)", shifted(collection.timeNs),
                collection.on);
}

Result<void> Tables::addSchema(const SchemaRecord& schema, std::string_view name) {
  return insert("INSERT INTO NVTX_PAYLOAD_SCHEMAS VALUES (?,?,?,?,NULL,?,?,NULL)", schema.domain,
                schema.schema, name, schema.schemaType, schema.entries, schema.payloadBytes);
}

Result<void> Tables::addSchemaEntry(const SchemaRecord& schema, int64_t index,
                                    const SchemaEntry& entry, std::string_view name) {
  return insert("INSERT INTO NVTX_PAYLOAD_SCHEMA_ENTRIES VALUES (?,?,?,?,?,?,NULL,?,?)",
                schema.domain, schema.schema, index, entry.flags, entry.type, name,
                entry.arrayOrUnionDetail, entry.offset);
}

Result<void> Tables::addThreadName(int64_t threadId, std::string_view name) {
  CARACAL_TRY(nameId, idOf(name));
  return insert("INSERT INTO ThreadNames VALUES (?,0,?)", nameId,
                recording::globalTid(m_pid, threadId));
}

Result<void> Tables::addLoss(std::string_view reason, int64_t records) {
  return insert("INSERT INTO CARACAL_LOSS VALUES (?,?)", reason, records);
}

Result<void> Tables::addNote(int64_t timeNs, bool isWarning, std::string_view text) {
  constexpr int64_t kTargetTime = 1, kFromInjection = 1, kInformation = 1, kWarning = 2;
  return insert("INSERT INTO DIAGNOSTIC_EVENT VALUES (?,?,?,?,?,?)", shifted(timeNs), kTargetTime,
                kFromInjection, isWarning ? kWarning : kInformation, text, m_globalPid);
}

Result<void> Tables::addProcess(std::string_view name, std::string_view host) {
  CARACAL_CHECK_OK(insert("INSERT INTO PROCESSES VALUES (?,?,?)", m_globalPid, m_pid, name));
  CARACAL_CHECK_OK(
      insert("INSERT INTO CARACAL_PROCESS VALUES (?,?,?,?)", m_globalPid, m_pid, name, host));
  return insert("INSERT INTO TARGET_INFO_SYSTEM_ENV VALUES (0,'','Hostname',0,?)", host);
}

Result<void> Tables::setMeta(std::string_view key, std::string_view value) {
  return insert("INSERT OR REPLACE INTO CARACAL_META VALUES (?,?)", key, value);
}

Result<void> Tables::setSession(int64_t utcEpochNs, int64_t beginNs, int64_t endNs) {
  CARACAL_CHECK_OK(insert("INSERT INTO TARGET_INFO_SESSION_START_TIME VALUES (?)", utcEpochNs));
  CARACAL_CHECK_OK(
      m_database.execute("INSERT INTO META_DATA_EXPORT VALUES ('EXPORT_PRODUCT_NAME', 'Caracal'),"
                         " ('EXPORT_PRODUCT_VERSION', '" CARACAL_VERSION
                         "'), ('EXPORT_PARAM_TIME_NORMALIZE', 'false')"));
  return insert("INSERT INTO ANALYSIS_DETAILS VALUES (0,?,?,?)", endNs - beginNs, shifted(beginNs),
                shifted(endNs));
}

Result<void> Tables::close() {
  m_statements.clear();
  CARACAL_CHECK_OK(m_database.execute("COMMIT;"));
  return m_database.close();
}

}  // namespace caracal::recorder
