// The SQLite file that a recorder's log becomes: Nsight Systems' export tables for what they have a
// place for, CARACAL_* tables for the rest (docs/recorder-log.md).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/base/result.h"
#include "core/recorder/clock_map.h"
#include "core/recorder/log_activity.h"
#include "core/sqlite/sqlite.h"

namespace caracal::recorder {

// One row of NVTX_EVENTS. endNs < 0: still open. Ids of StringIds; 0: none.
struct RangeRow {
  int64_t beginNs = 0, endNs = -1;
  int64_t eventType = 0;
  uint64_t rangeId = 0;
  uint32_t category = 0, color = 0, domain = 0;
  uint32_t payloadType = 0;  // NVTX's; 0 none
  uint64_t payload = 0;
  int64_t threadId = 0, endThreadId = 0;
  int64_t textId = 0;
  std::string_view json;    // of an extended payload; empty: none
  std::string_view binary;  // its bytes as they were
};

// Writes rows of one process. Not thread-safe.
class Tables {
 public:
  // Replaces the file. Everything is one transaction: nothing is there before close(). `clock`:
  // where times of records lie in it.
  static Result<Tables> create(const std::string& path, int64_t pid, ClockMap clock);

  Result<int64_t> idOf(std::string_view text);

  Result<void> add(const KernelRecord& kernel, const std::string& symbol);
  Result<void> add(const CopyRecord& copy);
  Result<void> add(const SetRecord& set);
  Result<void> add(const SynchronizationRecord& wait, uint32_t device);
  Result<void> add(const OverheadRecord& overhead);
  Result<void> add(const ApiRecord& call, std::string_view name);
  Result<void> add(const ExternalCorrelationRecord& external);
  Result<void> add(const GraphLaunchRecord& launch);
  Result<void> add(const ContextRecord& context);
  Result<void> add(const DeviceRecord& device, std::string_view name);
  Result<void> add(const StreamRecord& stream);
  Result<void> add(const RangeRow& range);
  Result<void> add(const AnchorRecord& anchor);
  Result<void> add(const StepRecord& step);
  Result<void> add(const CollectionRecord& collection);
  Result<void> addSchema(const SchemaRecord& schema, std::string_view name);
  Result<void> addSchemaEntry(const SchemaRecord& schema, int64_t index, const SchemaEntry& entry,
                              std::string_view name);
  Result<void> addThreadName(int64_t threadId, std::string_view name);
  Result<void> addLoss(std::string_view reason, int64_t records);
  // A warning or a remark about the recording: DIAGNOSTIC_EVENT.
  Result<void> addNote(int64_t timeNs, bool isWarning, std::string_view text);
  Result<void> addProcess(std::string_view name, std::string_view host);
  Result<void> setMeta(std::string_view key, std::string_view value);
  Result<void> setSession(int64_t utcEpochNs, int64_t beginNs, int64_t endNs);

  Result<void> close();

 private:
  explicit Tables(sqlite::Database database) : m_database(std::move(database)) {}
  Result<sqlite::Statement*> statement(const char* sql);
  // Binds values to the parameters in order and runs; a NULL is an std::nullopt.
  template <class... Values>
  Result<void> insert(const char* sql, const Values&... values);
  int64_t shifted(int64_t timeNs) const { return m_clock(timeNs); }

  sqlite::Database m_database;
  int64_t m_pid = 0;
  int64_t m_globalPid = 0;
  ClockMap m_clock;
  std::map<const char*, sqlite::Statement> m_statements;  // by the address of their text
  struct KernelNames {
    int64_t mangledId = 0, signatureId = 0, shortId = 0;
  };
  Result<KernelNames> kernelNames(uint32_t nameId, const std::string& symbol);
  std::unordered_map<uint32_t, KernelNames> m_kernelNames;  // by KernelRecord::nameId
  std::unordered_map<std::string, int64_t> m_stringIds;
};

}  // namespace caracal::recorder
