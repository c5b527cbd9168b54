// The tables of a recording beside those of real Nsight Systems exports.
#include "core/recorder/tables_schema.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "core/sqlite/sqlite.h"

namespace caracal::recorder {
namespace {

namespace fs = std::filesystem;
using Columns = std::map<std::string, std::set<std::string>>;  // by table

Columns columnsOf(sqlite::Database& database) {
  Columns all;
  auto tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'");
  while (tables->step().value_or(false)) {
    const std::string table(tables->text(0));
    auto columns = database.prepare("PRAGMA table_info(\"" + table + "\")");
    while (columns->step().value_or(false)) all[table].emplace(columns->text(1));
  }
  return all;
}

// Every column of every export of the sample traces.
Columns nsightColumns() {
  Columns all;
  const fs::path folder = fs::path(CARACAL_SOURCE_DIR) / "../shared/traces";
  std::error_code ignored;
  if (!fs::exists(folder, ignored)) return all;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string parent = entry.path().parent_path().filename();
    if (entry.path().extension() != ".sqlite" || parent.rfind("nsys-", 0) != 0) continue;
    auto database = sqlite::Database::openForReading(entry.path());
    for (const auto& [table, columns] : columnsOf(*database))
      all[table].insert(columns.begin(), columns.end());
  }
  return all;
}

TEST(RecordingTables, areThoseOfNsightSystems) {
  const Columns nsight = nsightColumns();
  if (nsight.empty()) GTEST_SKIP() << "the sample traces (../shared/traces) are not there";
  auto database = sqlite::Database::open(":memory:", sqlite::Access::kCreate);
  ASSERT_TRUE(database);
  ASSERT_TRUE(database->execute(std::string(kNsightSchema) + kApiSchema));
  // The one column of ours in a table of theirs (docs/recorder-log.md).
  const std::set<std::string> ours{"TARGET_INFO_CUDA_CONTEXT_INFO.numMultiprocessors"};
  for (const auto& [table, columns] : columnsOf(*database)) {
    ASSERT_TRUE(nsight.count(table)) << table;
    for (const std::string& column : columns) {
      const std::string name = table + "." + column;
      EXPECT_TRUE(ours.count(name) || nsight.at(table).count(column)) << name;
    }
  }
}

}  // namespace
}  // namespace caracal::recorder
