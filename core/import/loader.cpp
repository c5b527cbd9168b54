#include <algorithm>
#include <chrono>
#include <filesystem>
#include <new>
#include <optional>

#include "core/import/importer.h"
#include "core/import/input_files.h"
#include "core/import/parallel_reading.h"
#include "core/import/rank_numbers.h"
#include "core/trace/freed_memory.h"

namespace caracal::import {
namespace {

using trace::TraceBuilder;

// Share of the whole that reading takes; the rest is merging and writing the cache.
constexpr double kReadingShare = 0.9;
constexpr double kCachingShare = 0.97;

tl::unexpected<Error> cancelled() {
  return fail(ErrorCode::kCancelled, "loading was cancelled");
}

tl::unexpected<Error> nothingReadable(const std::vector<std::string>& paths,
                                      const std::vector<Error>& reasons) {
  if (reasons.empty())
    return fail(ErrorCode::kNotFound, "no file was named; name trace files or folders of them");
  Error first = reasons.front();
  if (reasons.size() > 1) {
    first.message += fmt::format(" (and {} more of {} could not be read)", reasons.size() - 1,
                                 paths.size() == 1 ? paths.front() : "the inputs");
  }
  return tl::unexpected(std::move(first));
}

// Files whose rank is known without reading them and not wanted.
int64_t dropUnwantedRanks(std::vector<InputFile>& files, const trace::Selection& selection) {
  if (selection.ranks.empty()) return 0;
  const auto unwanted = [&](const InputFile& file) {
    const auto rank = rankFromHead(file.path);
    return rank && !selection.takesRank(*rank);
  };
  return static_cast<int64_t>(std::erase_if(files, unwanted));
}

// Nothing without a cache, or when a file cannot be looked at: reading it will say why.
std::optional<TraceCache> cacheFor(const std::vector<InputFile>& files, const LoadOptions& options,
                                   const trace::Selection& selection) {
  if (options.cache.folder.empty() || files.empty()) return std::nullopt;
  std::vector<CacheSource> sources;
  const auto add = [&](const std::string& path) {
    auto source = cacheSourceOf(path);
    if (source) sources.push_back(std::move(*source));
    return source.has_value();
  };
  for (const InputFile& file : files) {
    if (!add(file.path)) return std::nullopt;
  }
  for (const std::string& companion : companionsBeside(files)) {
    if (!add(companion)) return std::nullopt;
  }
  return TraceCache(options.cache, std::move(sources), selection.text());
}

bool takeFromCache(const TraceCache& cache, LoadResult& loaded) {
  auto found = cache.find(loaded.cacheNote);
  if (!found) return false;
  loaded.trace = std::move(found->trace);
  loaded.fromCache = true;
  loaded.checkSources = [cache, sources = std::move(found->sources)](const std::stop_token& stop) {
    return checkSources(cache, sources, stop);
  };
  return true;
}

// A part of a run that lies in the cache whole. False: it does not, or it cannot be told there what
// the part is: times count from the first event of the ranks that are wanted. Stopped: no trace.
bool takePartFromCache(const std::vector<InputFile>& files, const LoadOptions& options,
                       LoadResult& loaded, const std::stop_token& stop) {
  const trace::Selection& part = options.selection;
  if (part.takesAll() || (!part.ranks.empty() && (part.fromNs || part.toNs))) return false;
  const auto whole = cacheFor(files, options, {});
  if (!whole || !takeFromCache(*whole, loaded)) return false;
  auto data = trace::select(loaded.trace->data(), part, loaded.trace->range().beginNs, stop);
  loaded.trace = data ? std::make_shared<const trace::Trace>(std::move(*data)) : nullptr;
  return true;
}

void putIntoCache(const TraceCache& cache, LoadResult& loaded, const std::stop_token& stop) {
  try {
    const auto stored = cache.store(*loaded.trace, stop);
    if (!stored && stored.error().code != ErrorCode::kCancelled)
      loaded.cacheNote = "the run was not put into the cache: " + stored.error().text();
  } catch (const std::bad_alloc&) {
    loaded.cacheNote = "the run was not put into the cache: not enough memory";
  }
}

// Reads, numbers and merges all files. Files that cannot be read are added to `loaded.skipped`.
Result<void> readFiles(const std::vector<InputFile>& files, const std::vector<std::string>& paths,
                       const LoadOptions& options, const std::stop_token& stop,
                       const Progress& progress, LoadResult& loaded) {
  std::vector<TraceBuilder> builders;
  if (!files.empty()) {
    const Progress share = [&](double fraction, std::string_view phase) {
      report(progress, fraction * kReadingShare, phase);
    };
    auto results = readAll(files, options, stop, share);
    if (stop.stop_requested()) return cancelled();
    builders.reserve(results.size());
    for (size_t i = 0; i < results.size(); ++i) {
      if (results[i]) {
        builders.push_back(std::move(*results[i]));
      } else {
        loaded.skipped.push_back(at(results[i].error(), files[i].path));
      }
    }
  }
  if (builders.empty()) return nothingReadable(paths, loaded.skipped);
  report(progress, kReadingShare, "merging");
  numberRanks(builders);
  loaded.trace = TraceBuilder::merge(std::move(builders), stop, options.selection);
  if (!loaded.trace) return cancelled();
  return {};
}

// From the cache, else from the files.
Result<void> takeOrRead(std::vector<InputFile> files, const std::vector<std::string>& paths,
                        const LoadOptions& options, const std::stop_token& stop,
                        const Progress& progress, LoadResult& loaded) {
  const bool hadFiles = !files.empty();
  loaded.filesLeftOut = dropUnwantedRanks(files, options.selection);
  if (hadFiles && files.empty())
    return fail(ErrorCode::kNotFound, "none of the files is of a rank that was asked for");
  const auto cache = cacheFor(files, options, options.selection);
  if (cache && takeFromCache(*cache, loaded)) return {};
  const size_t unreadable = loaded.skipped.size();
  CARACAL_CHECK_OK(readFiles(files, paths, options, stop, progress, loaded));
  // What could not be read today may be readable tomorrow, so only whole runs are kept.
  if (cache && loaded.skipped.size() == unreadable) {
    report(progress, kCachingShare, "writing the cache");
    putIntoCache(*cache, loaded, stop);
  }
  return {};
}

Result<LoadResult> load(const std::vector<std::string>& paths, const LoadOptions& options,
                        const std::stop_token& stop, const Progress& progress) {
  const auto started = std::chrono::steady_clock::now();
  report(progress, 0.0, "looking at the files");
  InputFiles input = findInputFiles(paths);
  LoadResult loaded;
  loaded.skipped = std::move(input.unreadable);
  if (stop.stop_requested()) return cancelled();
  if (!takePartFromCache(input.files, options, loaded, stop))
    CARACAL_CHECK_OK(takeOrRead(input.files, paths, options, stop, progress, loaded));
  if (stop.stop_requested()) return cancelled();
  if (loaded.trace->eventCount() == 0 && !options.selection.takesAll())
    return fail(ErrorCode::kNotFound, "no event of the run is in what was asked for");
  trace::giveBackFreedMemory();
  report(progress, 1.0, "loaded");
  loaded.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return loaded;
}

}  // namespace

Result<LoadResult> loadTraces(const std::vector<std::string>& paths, const LoadOptions& options,
                              std::stop_token stop, const Progress& progress) {
  try {
    return load(paths, options, stop, progress);
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::kOutOfMemory, "not enough memory for all ranks; load fewer of them");
  }
}

}  // namespace caracal::import
