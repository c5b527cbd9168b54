#include "core/base/resources.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace caracal {
namespace fs = std::filesystem;

std::vector<std::string> resourceFolders() {
  std::vector<std::string> folders;
  if (const char* chosen = std::getenv("CARACAL_RESOURCES"); chosen != nullptr && *chosen != '\0') {
    folders.emplace_back(chosen);
  }
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error)
    folders.push_back((program.parent_path().parent_path() / "share" / "caracal").string());
  folders.emplace_back(CARACAL_SOURCE_RESOURCES);
  return folders;
}

Result<std::string> findResource(std::string_view name) {
  std::string searched;
  for (const std::string& folder : resourceFolders()) {
    const fs::path path = fs::path(folder) / name;
    std::error_code ignored;
    if (fs::exists(path, ignored)) return path.string();
    searched += (searched.empty() ? "" : ", ") + folder;
  }
  return fail(ErrorCode::kNotFound,
              "there is no resource \"{}\"; looked in {} (CARACAL_RESOURCES names another folder)",
              name, searched);
}

std::vector<std::string> listResources(std::string_view folder) {
  std::vector<std::string> names;
  for (const std::string& root : resourceFolders()) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(fs::path(root) / folder, error)) {
      if (entry.is_regular_file(error)) names.push_back(entry.path().stem().string());
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace caracal
