#include "core/project/project_file.h"

#include <unistd.h>

#include <filesystem>

namespace caracal::project {
namespace {

using sqlite::Access;
using sqlite::Database;

// AUTOINCREMENT: the id of a removed item is never given to another one.
constexpr const char* kSchema = R"sql(
CREATE TABLE item (id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, name TEXT NOT NULL,
  content TEXT NOT NULL, parent INTEGER REFERENCES item (id) ON DELETE SET NULL, createdNs INTEGER NOT NULL);
CREATE INDEX item_parent ON item (parent);
CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL);
)sql";

Result<int64_t> pragma(const Database& database, const std::string& name) {
  CARACAL_TRY(query, database.prepare("PRAGMA " + name));
  CARACAL_TRY(hasRow, query.step());
  return hasRow ? query.integer(0) : 0;
}

Result<bool> isBlank(const Database& database) {
  CARACAL_TRY(query, database.prepare("SELECT 1 FROM sqlite_schema LIMIT 1"));
  CARACAL_TRY(hasTable, query.step());
  return !hasTable;
}

Result<void> checkVersion(const Database& database) {
  CARACAL_TRY(applicationId, pragma(database, "application_id"));
  if (applicationId != kApplicationId) {
    return fail(ErrorCode::kInvalidInput, "not a Caracal project but {}",
                database.hasTable("CARACAL_META") ? "a recording of a run; open it as a trace"
                                                  : "an SQLite file of another kind");
  }
  CARACAL_TRY(version, pragma(database, "user_version"));
  if (version >= 1 && version <= kProjectVersion) return {};
  return fail(
      ErrorCode::kUnsupported,
      "a Caracal project of version {}; this program knows version {}, open it with a newer one",
      version, kProjectVersion);
}

// A file without write permission must not even be opened for writing: SQLite would leave a WAL
// beside it that nobody else can write.
bool mayWrite(const std::string& path) {
  return ::access(path.c_str(), W_OK) == 0;
}

// The rest shows only when it is tried: a folder that cannot take the WAL, a read-only medium.
bool canWrite(Database& database) {
  return sqlite3_db_readonly(database.handle(), "main") == 0 &&
         sqlite::Transaction::begin(database).has_value();
}

Result<void> create(Database& database) {
  // FULL, WAL's default: a commit reaches the disk before the call returns. Projects change at the
  // pace of a person, and hold what cannot be measured again.
  CARACAL_CHECK_OK(database.execute("PRAGMA journal_mode=WAL"));
  CARACAL_TRY(transaction, sqlite::Transaction::begin(database));
  CARACAL_CHECK_OK(database.execute(kSchema));
  CARACAL_CHECK_OK(database.execute(fmt::format("PRAGMA application_id={}; PRAGMA user_version={};",
                                                kApplicationId, kProjectVersion)));
  return transaction.commit();
}

Error withoutDatabase(Error error) {
  if (error.code == ErrorCode::kInvalidInput)
    error.message = "not a Caracal project: " + error.message;
  return error;
}

}  // namespace

Result<ProjectFile> openForReading(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return fail(ErrorCode::kNotFound, "there is no such project; check the name");
  }
  CARACAL_TRY(database, Database::openForReading(path));
  const auto blank = isBlank(database);
  if (!blank) return tl::unexpected(withoutDatabase(blank.error()));
  CARACAL_CHECK_OK(checkVersion(database));
  return ProjectFile{std::move(database), Writable::kNo};
}

Result<ProjectFile> openForWriting(const std::string& path) {
  std::error_code ignored;
  const bool exists = std::filesystem::exists(path, ignored);
  if (exists && !mayWrite(path)) return openForReading(path);
  auto opened = Database::open(path, Access::kCreate);
  if (!opened) return exists ? openForReading(path) : tl::unexpected(opened.error());
  Database& database = *opened;
  const auto blank = isBlank(database);
  if (!blank && exists && blank.error().code == ErrorCode::kIo) return openForReading(path);
  if (!blank) return tl::unexpected(withoutDatabase(blank.error()));
  CARACAL_CHECK_OK(database.execute("PRAGMA foreign_keys=ON; PRAGMA synchronous=FULL;"));
  if (*blank) CARACAL_CHECK_OK(create(database));
  CARACAL_CHECK_OK(checkVersion(database));
  if (!canWrite(database)) return openForReading(path);
  return ProjectFile{std::move(database), Writable::kYes};
}

}  // namespace caracal::project
