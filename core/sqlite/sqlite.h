// SQLite behind values: a connection, a prepared statement and a transaction, each closed by its
// destructor, and errors as Result<T>. Used by recordings, projects and the Nsight Systems
// importer.
//
// A Database and its Statements belong to one thread at a time. A Statement must not outlive its
// Database. What SQLite offers beyond this is reached through handle().
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "core/base/result.h"

namespace caracal::sqlite {

// One prepared statement. Parameters count from 1, columns from 0, as in SQLite.
class Statement {
 public:
  Statement() = default;  // empty: only assignment is allowed
  explicit operator bool() const { return m_handle != nullptr; }

  // True while there is a row. Views of text() are valid until the next step() or reset().
  Result<bool> step();
  // The raw result code of a step (SQLITE_ROW, SQLITE_DONE, ...), for loops that read millions of
  // rows.
  int stepCode() { return sqlite3_step(m_handle.get()); }
  // Runs a statement without rows to its end and makes it ready for the next set of values.
  Result<void> run();
  void reset() { sqlite3_reset(m_handle.get()); }

  bool isNull(int column) const { return type(column) == SQLITE_NULL; }
  int columnCount() const { return sqlite3_column_count(m_handle.get()); }
  int type(int column) const { return sqlite3_column_type(m_handle.get(), column); }
  int64_t integer(int column) const { return sqlite3_column_int64(m_handle.get(), column); }
  // Nothing when the column holds another type. Costs half of type() and integer().
  std::optional<int64_t> integerIf(int column) const {
    // Unprotected values are as good as others where nothing is locked (sqlite3_value's manual):
    // connections are opened with NOMUTEX.
    sqlite3_value* const value = sqlite3_column_value(m_handle.get(), column);
    if (sqlite3_value_type(value) != SQLITE_INTEGER) return std::nullopt;
    return sqlite3_value_int64(value);
  }
  double real(int column) const { return sqlite3_column_double(m_handle.get(), column); }
  std::string_view text(int column) const;

  // `text` is copied; null binds are what an unbound parameter is.
  Statement& bind(int parameter, int64_t value);
  Statement& bind(int parameter, double value);
  Statement& bind(int parameter, std::string_view value);
  Statement& bindNull(int parameter);
  // Binds values to parameters 1, 2, ...
  template <class... Values>
  Statement& bindAll(const Values&... values) {
    int parameter = 0;
    (bindOne(++parameter, values), ...);
    return *this;
  }

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }
  };
  explicit Statement(sqlite3_stmt* handle) : m_handle(handle) {}
  void bindOne(int parameter, double value) { bind(parameter, value); }
  void bindOne(int parameter, std::string_view value) { bind(parameter, value); }
  template <class Integer>
  requires std::is_integral_v<Integer>
  void bindOne(int parameter, Integer value) { bind(parameter, static_cast<int64_t>(value)); }
  std::unique_ptr<sqlite3_stmt, Finalize> m_handle;
};

enum class Access : uint8_t {
  kReadWrite,      // the file must exist
  kCreate,         // read and write, made when it does not exist
  kReadOnly,       // sees what a writer has committed; needs the -wal and -shm files to be readable
  kReadImmutable,  // promises that nobody writes: no locks, no side files, works on read-only media
};

class Database {
 public:
  // Fails when the file cannot be opened; whether it is a database shows at the first statement.
  static Result<Database> open(const std::string& path, Access access);
  // Read-only, whatever the file's state: immutable when nobody is writing, else beside the writer.
  static Result<Database> openForReading(const std::string& path);

  Result<void> execute(const std::string& sql);  // one or more statements without results
  Result<Statement> prepare(const std::string& sql) const;
  bool hasTable(const std::string& name) const;
  int64_t lastInsertId() const { return sqlite3_last_insert_rowid(m_handle.get()); }
  int64_t changedRows() const { return sqlite3_changes(m_handle.get()); }
  // The error of the last call in words, with `doing` in front ("reading table X").
  Error lastError(const std::string& doing) const;
  // Closes and reports; the destructor closes silently.
  Result<void> close();
  sqlite3* handle() const { return m_handle.get(); }

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  explicit Database(sqlite3* handle) : m_handle(handle) {}
  std::unique_ptr<sqlite3, Close> m_handle;
};

// Rolls back when it goes out of scope without commit().
class Transaction {
 public:
  static Result<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept
      : m_database(std::exchange(other.m_database, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Result<void> commit();

 private:
  explicit Transaction(Database& database) : m_database(&database) {}
  Database* m_database;
};

}  // namespace caracal::sqlite
