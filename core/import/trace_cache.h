// The cache of loaded runs: one trace file (core/trace/trace_file.h) a run, named by what it was
// made from. A run is found again when all its files have the path, size and time they had, and the
// importers are those that made it; that the content is the same too is checked later
// (checkSources). The cache never makes a load fail: what goes wrong is told in a note.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/import/cache_folder.h"
#include "core/trace/trace.h"

namespace caracal::import {

// A hash of the sources that make traces of files, taken when the program was built: entries of
// programs that may have made something else are not used.
std::string_view importRevision();

struct CacheOptions {
  // Empty: no cache. Is made when it is not there.
  std::string folder;
  // All entries together; the ones unused for longest go first.
  int64_t mostBytes = kDefaultCacheBytes;
};

// $CARACAL_CACHE_DIR, else caracal/traces below $XDG_CACHE_HOME, else below ~/.cache; empty when
// there is no home either.
std::string defaultCacheFolder();

// One input file of a run.
struct CacheSource {
  std::string path;  // canonical
  uint64_t bytes = 0;
  int64_t modifiedNs = 0;
  uint64_t contentHash = 0;  // checksum64; 0 until it was taken
};
Result<CacheSource> cacheSourceOf(const std::string& path);

class TraceCache {
 public:
  // `sources`: the run's files in order; `options`: what else decides its content, in words.
  TraceCache(CacheOptions options, std::vector<CacheSource> sources, const std::string& choices);

  struct Found {
    std::shared_ptr<const trace::Trace> trace;
    std::vector<CacheSource> sources;  // with the hashes they had
  };
  // Nothing when there is no entry. An entry that cannot be used is removed, and `note` says so.
  std::optional<Found> find(std::string& note) const;
  // Hashes the sources, writes the entry, then makes room. Fails with kIo or kCancelled; the cache
  // is whole then, without the entry.
  Result<void> store(const trace::Trace& trace, const std::stop_token& stop) const;

  std::string entryPath() const;

 private:
  CacheOptions m_options;
  std::vector<CacheSource> m_sources;
  std::string m_choices;
};

// What an entry of the cache was made from.
struct CachedRun {
  std::vector<CacheSource> sources;
  std::string choices;     // what part of the run it holds, in words; empty: all of it
  bool isCurrent = false;  // made by importers as this program has them
};
// Fails when the entry cannot be read, in words.
Result<CachedRun> cachedRunOf(const std::filesystem::path& entry);
// Fails, naming the file, when one of the sources is gone or has another content; or kCancelled.
Result<void> checkContent(const std::vector<CacheSource>& sources, const std::stop_token& stop);

// Whether the files of a run still have the content that its entry was made from. The error names
// the file that has not, and the entry is gone then: the next load reads the files.
Result<void> checkSources(const TraceCache& cache, const std::vector<CacheSource>& recorded,
                          const std::stop_token& stop = {});

}  // namespace caracal::import
