// Paths of traces as a project stores them: relative to the project's folder when inside it, so
// that the folder can be moved or copied whole; absolute otherwise.
#pragma once

#include <filesystem>
#include <string>

namespace caracal::project {

// `path` as it is stored. A relative path names a file in the project's folder; only when there is
// none, one in the current folder.
std::string storedPath(const std::filesystem::path& folder, const std::string& path);
// The absolute path of a stored one.
std::string resolvedPath(const std::filesystem::path& folder, const std::string& stored);

}  // namespace caracal::project
