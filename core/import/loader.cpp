#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <new>
#include <optional>
#include <thread>

#include "core/import/importer.h"
#include "core/import/input_files.h"
#include "core/import/rank_numbers.h"

namespace caracal::import {
namespace {

using trace::TraceBuilder;

// Share of the whole that reading takes; the rest is merging and writing the cache.
constexpr double kReadingShare = 0.9;
constexpr double kCachingShare = 0.97;

// One fraction out of those of all files, weighted by their size, and at most one report a percent.
class JointProgress {
 public:
  JointProgress(const std::vector<InputFile>& files, const Progress& progress)
      : m_progress(progress) {
    for (const InputFile& file : files)
      m_weights.push_back(static_cast<double>(file.storedBytes + 1));
    for (double weight : m_weights) m_total += weight;
    m_done.resize(files.size());
  }

  void report(size_t file, double fraction, std::string_view phase) {
    if (!m_progress) return;
    const std::lock_guard lock(m_mutex);
    const double before = m_done[file];
    m_done[file] = std::clamp(fraction, before, 1.0);
    m_sum += (m_done[file] - before) * m_weights[file] / m_total;
    if (m_sum < m_reported + 0.01) return;
    m_reported = m_sum;
    m_progress(std::min(m_sum, 1.0) * kReadingShare, phase);
  }

 private:
  const Progress& m_progress;
  std::vector<double> m_weights;
  double m_total = 0;
  std::mutex m_mutex;  // guards the three below and the call
  std::vector<double> m_done;
  double m_sum = 0;
  double m_reported = -1;
};

tl::unexpected<Error> cancelled() {
  return fail(ErrorCode::kCancelled, "loading was cancelled");
}

void nameFileInNotes(TraceBuilder& builder, const std::string& path) {
  const std::string file = std::filesystem::path(path).filename().string();
  for (std::string& note : builder.report().notes) note = file + ": " + note;
}

// A reader may run out of memory anywhere; that must not end the process (the other files may fit).
Result<TraceBuilder> readFile(const InputFile& file, const LoadOptions& options,
                              std::stop_token stop, const Progress& progress) {
  try {
    auto builder = file.importer->read(file.path, options, stop, progress);
    if (builder) {
      if (!builder->pack(stop)) return cancelled();
      nameFileInNotes(*builder, file.path);
    }
    return builder;
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::kOutOfMemory,
                "not enough memory to load this file; load fewer ranks at once");
  }
}

int threadCount(const LoadOptions& options, size_t files) {
  const int wanted =
      options.threads > 0 ? options.threads : static_cast<int>(std::thread::hardware_concurrency());
  return std::clamp(wanted, 1, static_cast<int>(files));
}

// Largest first, so that no thread is left alone with the biggest file at the end.
std::vector<size_t> bySize(const std::vector<InputFile>& files) {
  std::vector<size_t> order(files.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return files[a].storedBytes > files[b].storedBytes; });
  return order;
}

std::vector<Result<TraceBuilder>> readAll(const std::vector<InputFile>& files,
                                          const LoadOptions& options, std::stop_token stop,
                                          const Progress& progress) {
  std::vector<std::optional<Result<TraceBuilder>>> results(files.size());
  JointProgress joint(files, progress);
  const std::vector<size_t> order = bySize(files);
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t turn = next++; turn < order.size(); turn = next++) {
      const size_t i = order[turn];
      const std::string phase =
          "reading " + std::filesystem::path(files[i].path).filename().string();
      const Progress own = [&](double fraction, std::string_view) {
        joint.report(i, fraction, phase);
      };
      results[i] = readFile(files[i], options, stop, own);
      joint.report(i, 1.0, phase);
    }
  };
  {
    std::vector<std::jthread> others;
    for (int t = 1; t < threadCount(options, files.size()); ++t) others.emplace_back(work);
    work();
  }
  std::vector<Result<TraceBuilder>> all;
  for (auto& result : results) all.push_back(std::move(*result));
  return all;
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
    auto results = readAll(files, options, stop, progress);
    if (stop.stop_requested()) return cancelled();
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
