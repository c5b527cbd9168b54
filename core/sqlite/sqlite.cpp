#include "core/sqlite/sqlite.h"

#include <filesystem>

namespace caracal::sqlite {
namespace {

constexpr int kBusyTimeoutMs = 5000;

ErrorCode codeOf(int sqliteCode) {
  switch (sqliteCode & 0xFF) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
    case SQLITE_ERROR:
    case SQLITE_MISMATCH:
    case SQLITE_CONSTRAINT:
      return ErrorCode::kInvalidInput;
    case SQLITE_INTERRUPT:
      return ErrorCode::kCancelled;
    case SQLITE_NOMEM:
      return ErrorCode::kOutOfMemory;
    default:
      return ErrorCode::kIo;
  }
}

// What the user can do about it, for the codes where SQLite's own words do not say.
std::string_view remedyFor(int sqliteCode) {
  switch (sqliteCode & 0xFF) {
    case SQLITE_CORRUPT:
      return "; the file is damaged or was cut short, export or copy it again";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "; another program is writing the file, close it and try again";
    case SQLITE_READONLY:
      return "; the file or its folder is read-only";
    case SQLITE_CANTOPEN:
      return "; check its name, and the permissions of the file and its folder";
    case SQLITE_FULL:
      return "; free some disk space and try again";
    default:
      return "";
  }
}

Error errorOf(int code, std::string_view words, std::string_view doing) {
  if ((code & 0xFF) == SQLITE_NOTADB) words = "the file is not an SQLite database";
  return {codeOf(code), fmt::format("{}: {}{}", doing, words, remedyFor(code)), {}};
}

// NOMUTEX: one thread at a time uses a connection, and a lock per column read is felt.
int flagsOf(Access access) {
  switch (access) {
    case Access::kReadWrite:
      return SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE;
    case Access::kCreate:
      return SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    case Access::kReadOnly:
    case Access::kReadImmutable:
      return SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
  }
  return SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READONLY;
}

// A path as an SQLite URI; '?', '#' and '%' would otherwise end it early.
std::string uriOf(const std::string& path, std::string_view query) {
  std::string uri = "file:";
  for (const char c : std::filesystem::absolute(path).string()) {
    if (c == '?' || c == '#' || c == '%') {
      uri += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      uri += c;
    }
  }
  return uri.append(query);
}

}  // namespace

Result<bool> Statement::step() {
  const int code = stepCode();
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  sqlite3* const database = sqlite3_db_handle(m_handle.get());
  return tl::unexpected(errorOf(code, sqlite3_errmsg(database), "SQLite"));
}

Result<void> Statement::run() {
  Result<bool> row = step();
  while (row && *row) row = step();
  reset();
  if (!row) return tl::unexpected(row.error());
  return {};
}

std::string_view Statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(m_handle.get(), column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<size_t>(sqlite3_column_bytes(m_handle.get(), column))};
}

Statement& Statement::bind(int parameter, int64_t value) {
  sqlite3_bind_int64(m_handle.get(), parameter, value);
  return *this;
}

Statement& Statement::bind(int parameter, double value) {
  sqlite3_bind_double(m_handle.get(), parameter, value);
  return *this;
}

Statement& Statement::bind(int parameter, std::string_view value) {
  // An empty view may have no address, which SQLite would take for NULL.
  const char* bytes = value.empty() ? "" : value.data();
  sqlite3_bind_text64(m_handle.get(), parameter, bytes, value.size(), SQLITE_TRANSIENT,
                      SQLITE_UTF8);
  return *this;
}

Statement& Statement::bindNull(int parameter) {
  sqlite3_bind_null(m_handle.get(), parameter);
  return *this;
}

Result<Database> Database::open(const std::string& path, Access access) {
  const bool reading = access == Access::kReadOnly || access == Access::kReadImmutable;
  const std::string name =
      reading ? uriOf(path, access == Access::kReadImmutable ? "?immutable=1" : "") : path;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &handle, flagsOf(access), nullptr);
  Database database(handle);  // SQLite hands out a handle to close even when it fails
  if (code != SQLITE_OK) {
    const char* const words = handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
    return tl::unexpected(errorOf(code, words, "the file cannot be opened"));
  }
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  return database;
}

Result<Database> Database::openForReading(const std::string& path) {
  // Side files hold what is not in the file yet, or not to stay in it; immutable would ignore them.
  for (const char* const suffix : {"-wal", "-journal"}) {
    std::error_code error;
    const auto bytes = std::filesystem::file_size(path + suffix, error);
    if (!error && bytes > 0) return open(path, Access::kReadOnly);
  }
  return open(path, Access::kReadImmutable);
}

Result<void> Database::execute(const std::string& sql) {
  if (sqlite3_exec(handle(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return tl::unexpected(lastError("SQLite"));
  }
  return {};
}

Result<Statement> Database::prepare(const std::string& sql) const {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(handle(), sql.c_str(), static_cast<int>(sql.size()), &statement,
                         nullptr) != SQLITE_OK) {
    return tl::unexpected(lastError("SQLite"));
  }
  return Statement(statement);
}

bool Database::hasTable(const std::string& name) const {
  auto query = prepare("SELECT 1 FROM sqlite_schema WHERE type IN ('table', 'view') AND name = ?");
  if (!query) return false;
  query->bind(1, std::string_view(name));
  return query->step().value_or(false);
}

Error Database::lastError(const std::string& doing) const {
  return errorOf(sqlite3_extended_errcode(handle()), sqlite3_errmsg(handle()), doing);
}

Result<void> Database::close() {
  if (sqlite3_close(handle()) != SQLITE_OK) return tl::unexpected(lastError("closing the file"));
  (void)m_handle.release();
  return {};
}

Result<Transaction> Transaction::begin(Database& database) {
  // IMMEDIATE: a writer that must wait, waits here and not at its first insert.
  CARACAL_CHECK_OK(database.execute("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::~Transaction() {
  // A failed statement may already have rolled back; then this is an error nobody needs to hear of.
  if (m_database != nullptr) (void)m_database->execute("ROLLBACK");
}

Result<void> Transaction::commit() {
  CARACAL_CHECK_OK(m_database->execute("COMMIT"));
  m_database = nullptr;
  return {};
}

}  // namespace caracal::sqlite
