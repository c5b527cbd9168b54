#include "core/import/nsys/nsys_file.h"

#include <algorithm>
#include <filesystem>
#include <new>

namespace caracal::import::nsys {
namespace {

std::string quoted(const std::string& name) {
  std::string text(1, '"');
  for (const char c : name) text.append(c == '"' ? 2 : 1, c);
  text.push_back('"');
  return text;
}

// A column that does not exist is an error in brackets; in quotes it would be a text.
std::string bracketed(const Column& column) {
  return fmt::format("[{}]", column.name);
}

std::string listOf(const std::vector<Column>& columns) {
  std::string list;
  for (const Column& column : columns) list += (list.empty() ? "" : ", ") + bracketed(column);
  return list;
}

}  // namespace

int stepRow(sqlite::Statement& statement) {
  const int code = statement.stepCode();
  if ((code & 0xFF) == SQLITE_NOMEM || code == SQLITE_IOERR_NOMEM) throw std::bad_alloc();
  return code;
}

Result<NsysFile> NsysFile::open(const std::string& path) {
  std::error_code error;
  if (std::filesystem::file_size(path, error) == 0 && !error) {
    return fail(ErrorCode::kInvalidInput,
                "the file is empty (0 bytes), it holds no events; export or copy it again");
  }
  CARACAL_TRY(database, sqlite::Database::openForReading(path));
  NsysFile file(std::move(database));
  // Every table is read once from end to end: pages need not be kept, and a small cache stays in
  // the processor's.
  CARACAL_CHECK_OK(file.m_database.execute("PRAGMA cache_size=-256; PRAGMA trusted_schema=OFF;"));
  CARACAL_TRY(names,
              file.m_database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'"));
  for (;;) {
    CARACAL_TRY(hasRow, names.step());
    if (!hasRow) break;
    file.m_tables.emplace(names.text(0));
  }
  return file;
}

bool NsysFile::isRecording() const {
  const auto first = m_tables.lower_bound("CARACAL_");
  return first != m_tables.end() && first->starts_with("CARACAL_");
}

std::string_view NsysFile::remedy() const {
  return isRecording() ? "copy the recording again from where it was made, or record again"
                       : "make the export again: nsys export --type sqlite REPORT.nsys-rep";
}

std::string NsysFile::tableNamed(const std::string& base) const {
  if (m_tables.count(base)) return base;
  const std::string prefix = base + "_V";
  for (auto table = m_tables.lower_bound(prefix); table != m_tables.end(); ++table) {
    if (table->compare(0, prefix.size(), prefix) != 0) break;
    const std::string version = table->substr(prefix.size());
    if (!version.empty() && version.find_first_not_of("0123456789") == std::string::npos)
      return *table;
  }
  return {};
}

bool NsysFile::hasRows(const std::string& base) const {
  const std::string table = tableNamed(base);
  if (table.empty()) return false;
  auto query = m_database.prepare("SELECT 1 FROM " + quoted(table) + " LIMIT 1");
  return query && stepRow(*query) == SQLITE_ROW;
}

std::vector<std::string> NsysFile::columnsOf(const std::string& table) const {
  std::vector<std::string> columns;
  auto query = m_database.prepare("PRAGMA table_info(" + quoted(table) + ")");
  while (query && stepRow(*query) == SQLITE_ROW) columns.emplace_back(query->text(1));
  return columns;
}

int64_t NsysFile::numberOf(const std::string& expression, const std::string& base) const {
  const std::string table = tableNamed(base);
  if (table.empty()) return 0;
  auto query = m_database.prepare("SELECT " + expression + " FROM " + quoted(table));
  if (!query || stepRow(*query) != SQLITE_ROW) return 0;
  return std::max<int64_t>(0, query->integer(0));
}

int64_t NsysFile::lastRow(const std::string& base) const {
  return numberOf("max(rowid)", base);
}

int64_t NsysFile::rowCount(const std::string& base) const {
  return numberOf("count(*)", base);
}

std::optional<int64_t> NsysFile::firstStart(const std::string& base) const {
  const std::string table = tableNamed(base);
  if (table.empty()) return std::nullopt;
  auto query = m_database.prepare("SELECT min(start) FROM " + quoted(table) + " WHERE start > 0");
  if (!query || stepRow(*query) != SQLITE_ROW) return std::nullopt;
  return query->integerIf(0);
}

Result<sqlite::Statement> NsysFile::prepare(const std::string& table,
                                            const std::vector<Column>& columns,
                                            const std::string& rest,
                                            trace::ImportReport& report) const {
  const std::string from = " FROM " + quoted(table) + rest;
  if (auto whole = m_database.prepare("SELECT " + listOf(columns) + from)) return whole;
  const std::vector<std::string> present = columnsOf(table);
  std::string list;
  for (const Column& column : columns) {
    if (!list.empty()) list += ", ";
    if (std::find(present.begin(), present.end(), column.name) != present.end()) {
      list += bracketed(column);
      continue;
    }
    list += "NULL";
    if (column.missing == Column::Missing::kCounted) {
      report.count(trace::Defect::kMissingTable);
      report.notes.push_back(fmt::format("{} has no column {}; {}", table, column.name, remedy()));
    }
  }
  return m_database.prepare("SELECT " + list + from);
}

Result<sqlite::Statement> NsysFile::select(const std::string& base,
                                           const std::vector<Column>& columns,
                                           trace::ImportReport& report) const {
  const std::string table = tableNamed(base);
  if (table.empty()) return sqlite::Statement();
  return prepare(table, columns, "", report);
}

Result<sqlite::Statement> NsysFile::selectWhere(const std::string& base,
                                                const std::vector<Column>& columns,
                                                const std::string& column, int64_t value) const {
  const std::string table = tableNamed(base);
  const std::vector<std::string> present = columnsOf(table);
  if (std::find(present.begin(), present.end(), column) == present.end())
    return sqlite::Statement();
  trace::ImportReport ignored;
  return prepare(table, columns, fmt::format(" WHERE [{}] = {}", column, value), ignored);
}

}  // namespace caracal::import::nsys
