#include "core/project/project_paths.h"

namespace caracal::project {
namespace {

namespace fs = std::filesystem;

// Without symbolic links as far as it exists, so that two names of one folder compare equal.
fs::path withoutLinks(const fs::path& path) {
  std::error_code error;
  const fs::path whole = fs::weakly_canonical(path, error);
  return error ? path.lexically_normal() : whole;
}

bool isThere(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

}  // namespace

std::string storedPath(const fs::path& folder, const std::string& path) {
  const fs::path given(path);
  const bool inCurrentFolder = given.is_relative() && !isThere(folder / given) && isThere(given);
  const fs::path whole = withoutLinks(inCurrentFolder ? fs::absolute(given) : folder / given);
  const fs::path relative = whole.lexically_relative(withoutLinks(folder));
  const bool inside = !relative.empty() && *relative.begin() != "..";
  return (inside ? relative : whole).string();
}

std::string resolvedPath(const fs::path& folder, const std::string& stored) {
  return (folder / stored).lexically_normal().string();
}

}  // namespace caracal::project
