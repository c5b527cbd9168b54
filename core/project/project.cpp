#include "core/project/project.h"

#include <array>
#include <chrono>
#include <filesystem>

#include "core/project/project_file.h"
#include "core/project/project_paths.h"

namespace caracal::project {
namespace {

namespace fs = std::filesystem;
using sqlite::Database;

// As stored: item.kind.
constexpr std::array<std::string_view, 5> kKindNames{"run", "profile", "plan", "measurement",
                                                     "note"};

std::string_view storedKind(ItemKind kind) {
  return kKindNames[static_cast<size_t>(kind)];
}

std::optional<ItemKind> kindNamed(std::string_view name) {
  for (size_t i = 0; i < kKindNames.size(); ++i) {
    if (kKindNames[i] == name) return static_cast<ItemKind>(i);
  }
  return std::nullopt;
}

bool holdsPath(ItemKind kind) {
  return kind == ItemKind::kRun || kind == ItemKind::kMeasurement;
}

int64_t nowNs() {
  const auto sinceEpoch = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(sinceEpoch).count();
}

Result<std::vector<Item>> readItems(const Database& database) {
  CARACAL_TRY(
      query,
      database.prepare(
          "SELECT id, kind, name, content, coalesce(parent, 0), createdNs FROM item ORDER BY id"));
  std::vector<Item> items;
  for (;;) {
    CARACAL_TRY(hasRow, query.step());
    if (!hasRow) return items;
    const auto kind = kindNamed(query.text(1));
    if (!kind) {
      return fail(ErrorCode::kInvalidInput, "item {} is of the unknown kind \"{}\"",
                  query.integer(0), query.text(1));
    }
    items.push_back({.id = query.integer(0),
                     .kind = *kind,
                     .name = std::string(query.text(2)),
                     .content = std::string(query.text(3)),
                     .parent = query.integer(4),
                     .createdNs = query.integer(5)});
  }
}

Result<void> copyPages(sqlite3* from, Database& to) {
  sqlite3_backup* const backup = sqlite3_backup_init(to.handle(), "main", from, "main");
  if (backup == nullptr) return tl::unexpected(to.lastError("the copy cannot be written"));
  sqlite3_backup_step(backup, -1);
  if (sqlite3_backup_finish(backup) != SQLITE_OK)
    return tl::unexpected(to.lastError("the copy cannot be written"));
  return {};
}

// Paths relative to one folder become what they are seen from another.
Result<void> moveTracePaths(Database& database, const fs::path& from, const fs::path& to) {
  CARACAL_TRY(items, readItems(database));
  CARACAL_TRY(update, database.prepare("UPDATE item SET content = ? WHERE id = ?"));
  CARACAL_TRY(transaction, sqlite::Transaction::begin(database));
  for (const Item& item : items) {
    if (!holdsPath(item.kind)) continue;
    CARACAL_CHECK_OK(
        update.bindAll(storedPath(to, resolvedPath(from, item.content)), item.id).run());
  }
  return transaction.commit();
}

Result<void> moveInPlace(const fs::path& from, const fs::path& to) {
  std::error_code error;
  // The WAL of a file that is replaced belongs to the old file.
  for (const char* const suffix : {"-wal", "-shm"}) fs::remove(to.string() + suffix, error);
  fs::rename(from, to, error);
  if (error) return fail(ErrorCode::kIo, "the copy cannot be written: {}", error.message());
  return {};
}

}  // namespace

struct Project::Impl {
  Database database;
  Writable writable = Writable::kNo;
  std::string path;  // absolute

  fs::path folder() const { return fs::path(path).parent_path(); }
  Result<void> checkWritable() const;
  template <class T>
  Result<T> located(Result<T> result) const {
    if (!result) return tl::unexpected(at(result.error(), path));
    return result;
  }
  Result<Item> insert(ItemKind kind, const std::string& name, const std::string& content,
                      int64_t parent);
  Result<Item> find(int64_t id) const;
};

Result<void> Project::Impl::checkWritable() const {
  if (writable == Writable::kYes) return {};
  return fail(ErrorCode::kIo,
              "the project was opened read-only (it or its folder cannot be written), nothing was "
              "changed; save a copy "
              "under another name and work on that");
}

Result<Item> Project::Impl::find(int64_t id) const {
  CARACAL_TRY(items, readItems(database));
  for (Item& item : items) {
    if (item.id == id) return std::move(item);
  }
  return fail(ErrorCode::kNotFound, "the project has no item {}", id);
}

Result<Item> Project::Impl::insert(ItemKind kind, const std::string& name,
                                   const std::string& content, int64_t parent) {
  CARACAL_CHECK_OK(checkWritable());
  if (parent != 0) CARACAL_CHECK_OK(find(parent).map([](const Item&) {}));
  Item item{.kind = kind, .name = name, .content = content, .parent = parent, .createdNs = nowNs()};
  if (holdsPath(kind)) item.content = storedPath(folder(), content);
  CARACAL_TRY(statement,
              database.prepare(
                  "INSERT INTO item (kind, name, content, createdNs, parent) VALUES (?,?,?,?,?)"));
  statement.bindAll(storedKind(kind), name, item.content, item.createdNs);
  if (parent != 0) statement.bind(5, parent);
  CARACAL_CHECK_OK(statement.run());
  item.id = database.lastInsertId();
  return item;
}

Result<Project> Project::open(const std::string& path, OpenMode mode) {
  const std::string absolute = fs::absolute(path).lexically_normal().string();
  auto file = mode == OpenMode::kReadOnly ? openForReading(absolute) : openForWriting(absolute);
  if (!file) return tl::unexpected(at(file.error(), path));
  return Project(std::make_unique<Impl>(Impl{std::move(file->database), file->writable, absolute}));
}

Project::Project(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) {}
Project::Project(Project&&) noexcept = default;
Project& Project::operator=(Project&&) noexcept = default;
Project::~Project() = default;

bool Project::writable() const {
  return m_impl->writable == Writable::kYes;
}
const std::string& Project::path() const {
  return m_impl->path;
}

Result<Item> Project::add(ItemKind kind, const std::string& name, const std::string& content,
                          int64_t parent) {
  return m_impl->located(m_impl->insert(kind, name, content, parent));
}

Result<void> Project::replace(int64_t id, const std::string& name, const std::string& content) {
  const auto change = [&]() -> Result<void> {
    CARACAL_CHECK_OK(m_impl->checkWritable());
    CARACAL_TRY(item, m_impl->find(id));
    const std::string stored =
        holdsPath(item.kind) ? storedPath(m_impl->folder(), content) : content;
    CARACAL_TRY(statement,
                m_impl->database.prepare("UPDATE item SET name = ?, content = ? WHERE id = ?"));
    return statement.bindAll(name, stored, id).run();
  };
  return m_impl->located(change());
}

Result<void> Project::remove(int64_t id) {
  const auto change = [&]() -> Result<void> {
    CARACAL_CHECK_OK(m_impl->checkWritable());
    CARACAL_TRY(statement, m_impl->database.prepare("DELETE FROM item WHERE id = ?"));
    CARACAL_CHECK_OK(statement.bindAll(id).run());
    if (m_impl->database.changedRows() > 0) return {};
    return fail(ErrorCode::kNotFound, "the project has no item {}", id);
  };
  return m_impl->located(change());
}

Result<std::vector<Item>> Project::items() const {
  return m_impl->located(readItems(m_impl->database));
}

Result<void> Project::setState(const std::string& key, const std::string& value) {
  const auto change = [&]() -> Result<void> {
    CARACAL_CHECK_OK(m_impl->checkWritable());
    CARACAL_TRY(statement, m_impl->database.prepare("INSERT OR REPLACE INTO state VALUES (?, ?)"));
    return statement.bindAll(key, value).run();
  };
  return m_impl->located(change());
}

Result<std::optional<std::string>> Project::state(const std::string& key) const {
  const auto read = [&]() -> Result<std::optional<std::string>> {
    CARACAL_TRY(query, m_impl->database.prepare("SELECT value FROM state WHERE key = ?"));
    query.bindAll(key);
    CARACAL_TRY(hasRow, query.step());
    if (!hasRow) return std::nullopt;
    return std::string(query.text(0));
  };
  return m_impl->located(read());
}

std::string Project::resolve(const Item& item) const {
  return holdsPath(item.kind) ? resolvedPath(m_impl->folder(), item.content) : std::string();
}

Result<void> Project::saveCopy(const std::string& path) const {
  const fs::path target = fs::absolute(path).lexically_normal();
  const std::string partial = target.string() + ".part";
  const auto write = [&]() -> Result<void> {
    std::error_code ignored;
    if (fs::equivalent(target, m_impl->path, ignored)) {
      return fail(ErrorCode::kInvalidInput,
                  "this is the project itself; choose another name for the copy");
    }
    fs::remove(partial, ignored);
    CARACAL_TRY(copy, Database::open(partial, sqlite::Access::kCreate));
    CARACAL_CHECK_OK(copyPages(m_impl->database.handle(), copy));
    CARACAL_CHECK_OK(moveTracePaths(copy, m_impl->folder(), target.parent_path()));
    CARACAL_CHECK_OK(copy.close());
    return moveInPlace(partial, target);
  };
  auto written = write();
  if (written) return {};
  for (const char* const suffix : {"", "-wal", "-shm"}) {
    std::error_code ignored;
    fs::remove(partial + suffix, ignored);
  }
  return tl::unexpected(at(written.error(), path));
}

}  // namespace caracal::project
