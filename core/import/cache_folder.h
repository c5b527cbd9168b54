// The folder in which loaded runs are kept (trace_cache.h): what lies there, how much it may be,
// and how it is emptied. Several programs may use a folder at once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace caracal::import {

inline constexpr int64_t kDefaultCacheBytes = int64_t{20} << 30;

struct CacheEntry {
  std::filesystem::path path;
  int64_t bytes = 0;
  std::filesystem::file_time_type used;  // when it was written or last opened
};

// Entries, those unused for longest first. Files that a killed program left half written are
// removed on the way, an hour later. Empty when there is no such folder.
std::vector<CacheEntry> cacheEntries(const std::string& folder);
int64_t totalBytes(const std::vector<CacheEntry>& entries);

// Removes entries, those unused for longest first, until they take no more than this. Number of the
// removed.
int64_t shrinkCache(const std::string& folder, int64_t mostBytes);

// How much all entries may take together: what setCacheLimit() was told for this folder, else
// kDefaultCacheBytes. Fails with kIo when it cannot be kept.
int64_t cacheLimit(const std::string& folder);
Result<void> setCacheLimit(const std::string& folder, int64_t mostBytes);

}  // namespace caracal::import
