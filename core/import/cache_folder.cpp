#include "core/import/cache_folder.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "core/base/files.h"

namespace caracal::import {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEnding = ".caracal-trace";
// Holds the limit in bytes, in decimal digits.
constexpr const char* kLimitFile = "limit";
// Files that a killed program left half written are removed when they are this old.
constexpr auto kLeftover = std::chrono::hours(1);

}  // namespace

std::vector<CacheEntry> cacheEntries(const std::string& folder) {
  std::vector<CacheEntry> entries;
  for (const std::string& name : namesInFolder(folder).value_or(std::vector<std::string>())) {
    const fs::path path = fs::path(folder) / name;
    std::error_code gone;  // another program may be evicting too
    const auto bytes = fs::file_size(path, gone);
    const auto used = gone ? fs::file_time_type() : fs::last_write_time(path, gone);
    if (gone) continue;
    if (name.ends_with(kEnding)) {
      entries.push_back({path, static_cast<int64_t>(bytes), used});
    } else if (name.find(kEnding) != std::string::npos &&
               fs::file_time_type::clock::now() - used > kLeftover) {
      fs::remove(path, gone);
    }
  }
  std::sort(entries.begin(), entries.end(),
            [](const CacheEntry& a, const CacheEntry& b) { return a.used < b.used; });
  return entries;
}

int64_t totalBytes(const std::vector<CacheEntry>& entries) {
  int64_t total = 0;
  for (const CacheEntry& entry : entries) total += entry.bytes;
  return total;
}

int64_t shrinkCache(const std::string& folder, int64_t mostBytes) {
  const std::vector<CacheEntry> entries = cacheEntries(folder);
  int64_t total = totalBytes(entries);
  int64_t removed = 0;
  for (const CacheEntry& entry : entries) {
    if (total <= mostBytes) break;
    std::error_code error;
    fs::remove(entry.path, error);
    if (error) continue;
    total -= entry.bytes;
    ++removed;
  }
  return removed;
}

int64_t cacheLimit(const std::string& folder) {
  const auto text = readTextFile((fs::path(folder) / kLimitFile).string());
  int64_t limit = 0;
  if (!text) return kDefaultCacheBytes;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
  return error == std::errc{} && limit >= 0 ? limit : kDefaultCacheBytes;
}

Result<void> setCacheLimit(const std::string& folder, int64_t mostBytes) {
  std::error_code error;
  fs::create_directories(folder, error);
  return writeTextFile((fs::path(folder) / kLimitFile).string(), std::to_string(mostBytes));
}

}  // namespace caracal::import
