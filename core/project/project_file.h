// The SQLite file under a project: recognising it, its version, its tables
// (docs/project-format.md).
#pragma once

#include <string>

#include "core/base/result.h"
#include "core/sqlite/sqlite.h"

namespace caracal::project {

inline constexpr int kProjectVersion = 1;
// "CRCL", in the header of the SQLite file.
inline constexpr int64_t kApplicationId = 0x4352434C;

enum class Writable : uint8_t { kNo, kYes };

struct ProjectFile {
  sqlite::Database database;
  Writable writable = Writable::kNo;
};

// Opens for writing, or makes the file; falls back to reading when the file or its folder cannot be
// written. Refuses what is no project, and projects of a newer version.
Result<ProjectFile> openForWriting(const std::string& path);
Result<ProjectFile> openForReading(const std::string& path);

}  // namespace caracal::project
