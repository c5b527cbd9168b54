#include "tests/bench/bare_sqlite.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <vector>

namespace caracal::bench {
namespace {

std::vector<std::string> tablesOf(sqlite3* database) {
  std::vector<std::string> names;
  sqlite3_stmt* rows = nullptr;
  sqlite3_prepare_v2(database, "SELECT name FROM sqlite_schema WHERE type = 'table'", -1, &rows,
                     nullptr);
  while (sqlite3_step(rows) == SQLITE_ROW)
    names.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(rows, 0)));
  sqlite3_finalize(rows);
  return names;
}

// The tables that the importer reads of an export or a recording, and the columns: one row after
// the other and nothing else.
constexpr const char* kGpu =
    "start, \"end\", globalPid, deviceId, contextId, streamId, correlationId";
constexpr const char* kHost = "start, \"end\", globalTid, nameId, correlationId";
struct Table {
  const char* name;
  const char* columns;
  const char* more = nullptr;
};
constexpr Table kRead[] = {
    {"CUPTI_ACTIVITY_KIND_KERNEL", kGpu, "demangledName, shortName"},
    {"CUPTI_ACTIVITY_KIND_MEMCPY", kGpu, "bytes, copyKind, srcKind, dstKind"},
    {"CUPTI_ACTIVITY_KIND_MEMSET", kGpu, "bytes, memKind"},
    {"CUPTI_ACTIVITY_KIND_GRAPH_TRACE", kGpu, "graphId"},
    {"CUPTI_ACTIVITY_KIND_SYNCHRONIZATION", kGpu, "syncType"},
    {"CUPTI_ACTIVITY_KIND_CUDA_EVENT",
     "globalPid, deviceId, contextId, streamId, correlationId, eventId"},
    {"CUPTI_ACTIVITY_KIND_RUNTIME", kHost},
    {"CUPTI_ACTIVITY_KIND_OVERHEAD", kHost},
    {"PROFILER_OVERHEAD", kHost},
    {"NVTX_EVENTS", "start, \"end\", eventType, globalTid, text, textId, domainId"},
    {"TARGET_INFO_GPU", "id, name"},
    {"TARGET_INFO_CUDA_DEVICE", "gpuId, cudaId, pid"},
    {"TARGET_INFO_SYSTEM_ENV", "name, value"},
    {"ThreadNames", "globalTid, nameId"},
    {"META_DATA_EXPORT", "name, value"},
    {"DIAGNOSTIC_EVENT", "severity, text"},
    {"TARGET_INFO_SESSION_START_TIME", "utcEpochNs"},
    {"CARACAL_CPU_OP", "*"}};

// Not every version of an export has every column: what it has not is left out.
sqlite3_stmt* rowsOf(sqlite3* database, const char* table, std::string columns) {
  sqlite3_stmt* statement = nullptr;
  for (;;) {
    const std::string query = fmt::format("SELECT {} FROM {}", columns, table);
    sqlite3_prepare_v2(database, query.c_str(), -1, &statement, nullptr);
    const size_t last = columns.find_last_of(',');
    if (statement != nullptr || last == std::string::npos) return statement;
    columns.resize(last);
  }
}

}  // namespace

int64_t stepThrough(const std::string& path, int64_t& sum) {
  sqlite3* database = nullptr;
  int64_t rows = 0;
  sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READONLY, nullptr);
  const std::vector<std::string> tables = tablesOf(database);
  for (const Table& table : kRead) {
    if (std::find(tables.begin(), tables.end(), table.name) == tables.end()) continue;
    sqlite3_stmt* const statement = rowsOf(
        database, table.name,
        table.more == nullptr ? table.columns : fmt::format("{}, {}", table.columns, table.more));
    for (; sqlite3_step(statement) == SQLITE_ROW; ++rows) {
      for (int column = 0; column < sqlite3_column_count(statement); ++column) {
        sum += sqlite3_column_type(statement, column) == SQLITE_TEXT
                   ? *sqlite3_column_text(statement, column)
                   : sqlite3_column_int64(statement, column);
      }
    }
    sqlite3_finalize(statement);
  }
  sqlite3_close(database);
  return rows;
}

}  // namespace caracal::bench
