// One SQLite export, read-only: which tables and columns it has, and a SELECT over those a reader
// wants.
#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/sqlite/sqlite.h"
#include "core/trace/import_report.h"

namespace caracal::import::nsys {

// A column a reader asks for. A missing one reads as NULL; whether that is worth a word depends.
struct Column {
  enum class Missing { kCounted, kNormal };
  const char* name;
  Missing missing = Missing::kNormal;
};

// sqlite::Statement::stepCode(), but what SQLite has no memory for is std::bad_alloc, as for all
// that importers do: rows that are missing for want of memory are no damage of the file.
int stepRow(sqlite::Statement& statement);

class NsysFile {
 public:
  // Fails with words when the file is no database, is empty or damaged beyond its table of
  // contents.
  static Result<NsysFile> open(const std::string& path);

  // Whether Caracal wrote it: a run's recording, or that of `caracal record`.
  bool isRecording() const;
  // What to do about what the file lacks, to end a sentence with.
  std::string_view remedy() const;

  // The table of that name, or of that name plus _V<n>; empty when there is none.
  std::string tableNamed(const std::string& base) const;
  bool has(const std::string& base) const { return !tableNamed(base).empty(); }
  bool hasRows(const std::string& base) const;
  std::vector<std::string> columnsOf(const std::string& table) const;
  const std::set<std::string>& tables() const { return m_tables; }
  // The largest rowid, as an estimate of the number of rows; 0 when unknown.
  int64_t lastRow(const std::string& base) const;
  int64_t rowCount(const std::string& base) const;
  // The least value above 0 in column start; nothing when there is none.
  std::optional<int64_t> firstStart(const std::string& base) const;

  // All rows in rowid order; column i of the statement is columns[i]. An empty statement when the
  // table does not exist. Missing columns that should be there are counted and noted.
  Result<sqlite::Statement> select(const std::string& base, const std::vector<Column>& columns,
                                   trace::ImportReport& report) const;
  // The same for the rows where an integer column has a value; none when the column does not exist.
  Result<sqlite::Statement> selectWhere(const std::string& base, const std::vector<Column>& columns,
                                        const std::string& column, int64_t value) const;
  const sqlite::Database& database() const { return m_database; }

 private:
  explicit NsysFile(sqlite::Database database) : m_database(std::move(database)) {}
  // An aggregate over a table as a number; 0 when there is none.
  int64_t numberOf(const std::string& expression, const std::string& base) const;
  // SELECT of those columns that are there, then what follows FROM. Most files have all of them, so
  // only when they have not is it asked which.
  Result<sqlite::Statement> prepare(const std::string& table, const std::vector<Column>& columns,
                                    const std::string& rest, trace::ImportReport& report) const;

  sqlite::Database m_database;
  std::set<std::string> m_tables;
};

}  // namespace caracal::import::nsys
