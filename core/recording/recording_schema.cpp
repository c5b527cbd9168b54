#include "core/recording/recording_schema.h"

namespace caracal::recording {
namespace {

// Nsight Systems' tables: names, column names and meaning are those of its SQLite export.
constexpr const char* kNsightTables = R"sql(
CREATE TABLE META_DATA_EXPORT (name TEXT, value TEXT);
CREATE TABLE StringIds (id INTEGER NOT NULL PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE PROCESSES (globalPid INTEGER, pid INTEGER, name TEXT);
CREATE TABLE ThreadNames (nameId INTEGER NOT NULL, priority INTEGER, globalTid INTEGER);
CREATE TABLE TARGET_INFO_SESSION_START_TIME (utcEpochNs INTEGER);
CREATE TABLE TARGET_INFO_SYSTEM_ENV (globalVid INTEGER, devStateName TEXT, name TEXT, nameEnum TEXT,
  value TEXT);
CREATE TABLE NVTX_EVENTS (start INTEGER NOT NULL, "end" INTEGER, eventType INTEGER NOT NULL,
  rangeId INTEGER, category INTEGER, color INTEGER, text TEXT, globalTid INTEGER,
  endGlobalTid INTEGER, textId INTEGER, domainId INTEGER);
)sql";

constexpr const char* kCaracalTables = R"sql(
CREATE TABLE CARACAL_META (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE CARACAL_RANK (rank INTEGER NOT NULL PRIMARY KEY, stage INTEGER NOT NULL,
  tensorIndex INTEGER NOT NULL, dataIndex INTEGER NOT NULL, host TEXT NOT NULL,
  globalTid INTEGER NOT NULL);
CREATE TABLE ENUM_CARACAL_OP_KIND (id INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE ENUM_CARACAL_PASS (id INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE CARACAL_CPU_OP (start INTEGER NOT NULL, "end" INTEGER NOT NULL, rank INTEGER NOT NULL,
  kind INTEGER NOT NULL, pass INTEGER NOT NULL, nameId INTEGER NOT NULL, laneId INTEGER NOT NULL,
  step INTEGER NOT NULL, microBatch INTEGER, layer INTEGER NOT NULL, window INTEGER NOT NULL,
  bytes INTEGER, transferNs INTEGER, askedNs INTEGER);
CREATE TABLE CARACAL_MEMORY (time INTEGER NOT NULL, rank INTEGER NOT NULL, bytes INTEGER NOT NULL);
CREATE TABLE CARACAL_STEP (step INTEGER NOT NULL PRIMARY KEY, start INTEGER NOT NULL,
  "end" INTEGER NOT NULL, loss REAL, peakBytes INTEGER NOT NULL);
INSERT INTO ENUM_CARACAL_OP_KIND VALUES (0, 'compute'), (1, 'recompute'), (2, 'comm'), (3, 'copy');
INSERT INTO ENUM_CARACAL_PASS VALUES (0, ''), (1, 'F'), (2, 'B'), (3, 'W'), (4, 'R'), (5, 'optimizer');
)sql";

// The pass column stores trace::Pass as it is; the table above names the numbers.
static_assert(static_cast<int>(trace::Pass::kForward) == 1 &&
                  static_cast<int>(trace::Pass::kBackward) == 2 &&
                  static_cast<int>(trace::Pass::kWeight) == 3 &&
                  static_cast<int>(trace::Pass::kRecompute) == 4 &&
                  static_cast<int>(trace::Pass::kOptimizer) == 5,
              "ENUM_CARACAL_PASS is part of the file format: translate, do not renumber");

}  // namespace

std::string schemaSql() {
  return std::string(kNsightTables) + kCaracalTables;
}

}  // namespace caracal::recording
