// caracal cache: the folder of loaded runs. Without options, what is in it.
#include <fmt/chrono.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/cli/verbs.h"
#include "core/base/format.h"
#include "core/import/trace_cache.h"

namespace caracal::cli {
namespace {

using nlohmann::ordered_json;

struct Options {
  bool clear = false;
  bool check = false;
  bool json = false;
  int64_t limitBytes = -1;
};

std::string timeText(std::filesystem::file_time_type time) {
  const auto wall = std::chrono::file_clock::to_sys(time);
  return fmt::format("{:%Y-%m-%d %H:%M}",
                     fmt::gmtime(std::chrono::floor<std::chrono::seconds>(wall)));
}

std::string ageText(int64_t seconds) {
  constexpr int64_t kMinute = 60, kHour = 60 * kMinute, kDay = 24 * kHour;
  if (seconds < kHour) return fmt::format("{} min", std::max<int64_t>(seconds, 0) / kMinute);
  return seconds < 2 * kDay ? fmt::format("{} h", seconds / kHour)
                            : fmt::format("{} days", seconds / kDay);
}

int64_t ageSeconds(const import::CacheEntry& entry) {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::file_clock::now() -
                                                          entry.used)
      .count();
}

// The run's only file, or the folder that its files lie in with their number.
std::string filesText(const std::vector<import::CacheSource>& sources) {
  if (sources.size() == 1) return sources.front().path;
  const std::filesystem::path first = sources.empty() ? "" : sources.front().path;
  return fmt::format("{} ({} files)", first.parent_path().string(), sources.size());
}

std::string whatText(const Result<import::CachedRun>& run) {
  if (!run) return "unreadable: " + run.error().text();
  std::string text = filesText(run->sources);
  if (!run->choices.empty()) text += ", part: " + run->choices;
  return run->isCurrent ? text : text + " (by another version of Caracal: will be read anew)";
}

ordered_json toJson(const std::string& folder, const std::vector<import::CacheEntry>& entries) {
  ordered_json document{{"schema", "caracal.cache/1"},
                        {"folder", folder},
                        {"bytes", import::totalBytes(entries)},
                        {"limitBytes", import::cacheLimit(folder)},
                        {"entries", ordered_json::array()}};
  for (const import::CacheEntry& entry : entries) {
    ordered_json row{{"file", entry.path.filename().string()},
                     {"bytes", entry.bytes},
                     {"usedUtc", timeText(entry.used)},
                     {"ageSeconds", ageSeconds(entry)},
                     {"sources", ordered_json::array()}};
    if (const auto run = import::cachedRunOf(entry.path)) {
      row["choices"] = run->choices;
      row["current"] = run->isCurrent;
      for (const import::CacheSource& source : run->sources) row["sources"].push_back(source.path);
    }
    document["entries"].push_back(std::move(row));
  }
  return document;
}

void print(const std::string& folder, const std::vector<import::CacheEntry>& entries,
           Console& console) {
  console.out << fmt::format("{}\n{} runs, {} of {} at most\n", folder, entries.size(),
                             formatBytes(import::totalBytes(entries)),
                             formatBytes(import::cacheLimit(folder)));
  for (const import::CacheEntry& entry : entries) {
    console.out << fmt::format("  {:>10}  used {} UTC, {} ago  {}\n", formatBytes(entry.bytes),
                               timeText(entry.used), ageText(ageSeconds(entry)),
                               whatText(import::cachedRunOf(entry.path)));
  }
}

// Reads the files of all runs and removes the runs that are not of them any more.
Result<void> removeStale(const std::string& folder, Console& console) {
  for (const import::CacheEntry& entry : import::cacheEntries(folder)) {
    const auto run = import::cachedRunOf(entry.path);
    const auto same = run ? import::checkContent(run->sources, console.stop)
                          : Result<void>(tl::unexpected(run.error()));
    if (same) continue;
    if (same.error().code == ErrorCode::kCancelled) return same;
    warn(console, "removed a run: " + same.error().text());
    std::error_code ignored;
    std::filesystem::remove(entry.path, ignored);
  }
  return {};
}

Result<ExitCode> runCache(const Options& options, Console& console) {
  const std::string folder = import::defaultCacheFolder();
  if (folder.empty())
    return fail(ErrorCode::kNotFound,
                "there is no home folder to keep loaded runs in; set CARACAL_CACHE_DIR");
  if (options.limitBytes >= 0) CARACAL_CHECK_OK(import::setCacheLimit(folder, options.limitBytes));
  if (options.clear || options.limitBytes >= 0)
    import::shrinkCache(folder, options.clear ? 0 : options.limitBytes);
  if (options.check) CARACAL_CHECK_OK(removeStale(folder, console));
  const std::vector<import::CacheEntry> entries = import::cacheEntries(folder);
  if (options.json) {
    printJson(console, toJson(folder, entries));
  } else {
    print(folder, entries, console);
  }
  return ExitCode::kOk;
}

}  // namespace

VerbRun declareCache(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_flag("--clear", options->clear, "remove all runs from it");
  command.add_flag("--check", options->check,
                   "read the files of all runs, and remove the runs whose files have another "
                   "content by now, also where size and time are the same");
  command
      .add_option("--limit", options->limitBytes,
                  "from now on keep at most this much, as 5GB; runs unused for longest go first")
      ->transform(CLI::AsSizeValue(true));
  command.add_flag("--json", options->json, "print one JSON document");
  return [options](Console& console) { return runCache(*options, console); };
}

}  // namespace caracal::cli
