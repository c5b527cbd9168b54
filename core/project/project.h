// Project: one `.caracal` SQLite file (WAL) that holds the runs, profiles, plans, measurements and
// notes of one tuning effort. Every call commits before it returns: kill -9 loses nothing that was
// committed. Traces stay where they are and are referred to by path; documents are stored as their
// JSON text.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace caracal::project {

enum class ItemKind : uint8_t { kRun, kProfile, kPlan, kMeasurement, kNote };

struct Item {
  int64_t id = 0;
  ItemKind kind = ItemKind::kRun;
  std::string name;
  std::string content;  // run, measurement: path of the trace, relative to the project when inside
                        // its folder; profile, plan: the JSON document; note: text
  int64_t parent = 0;   // plan -> its profile, measurement -> its plan, profile -> its run; 0: none
  int64_t createdNs = 0;  // Unix epoch
  bool operator==(const Item&) const = default;
};

enum class OpenMode : uint8_t { kReadWrite, kReadOnly };

class Project {
 public:
  // Creates the file when it does not exist (kReadWrite). A file that cannot be written opens with
  // writable() == false; changing it then fails with a message that says how to save elsewhere.
  static Result<Project> open(const std::string& path, OpenMode mode = OpenMode::kReadWrite);
  Project(Project&&) noexcept;
  Project& operator=(Project&&) noexcept;
  ~Project();

  bool writable() const;
  const std::string& path() const;
  Result<Item> add(ItemKind kind, const std::string& name, const std::string& content,
                   int64_t parent = 0);
  Result<void> replace(int64_t id, const std::string& name, const std::string& content);
  Result<void> remove(int64_t id);
  Result<std::vector<Item>> items() const;                                  // in order of creation
  Result<void> setState(const std::string& key, const std::string& value);  // view state
  Result<std::optional<std::string>> state(const std::string& key) const;
  // The absolute path of a run's or measurement's trace; empty for other kinds.
  std::string resolve(const Item& item) const;
  Result<void> saveCopy(const std::string& path) const;

 private:
  struct Impl;
  explicit Project(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> m_impl;
};

}  // namespace caracal::project
