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
  bool json = false;
  int64_t limitBytes = -1;
};

std::string timeText(std::filesystem::file_time_type time) {
  const auto wall = std::chrono::file_clock::to_sys(time);
  return fmt::format("{:%Y-%m-%d %H:%M}",
                     fmt::gmtime(std::chrono::floor<std::chrono::seconds>(wall)));
}

ordered_json toJson(const std::string& folder, const std::vector<import::CacheEntry>& entries) {
  ordered_json document{{"schema", "caracal.cache/1"},
                        {"folder", folder},
                        {"bytes", import::totalBytes(entries)},
                        {"limitBytes", import::cacheLimit(folder)},
                        {"entries", ordered_json::array()}};
  for (const import::CacheEntry& entry : entries) {
    document["entries"].push_back({{"file", entry.path.filename().string()},
                                   {"bytes", entry.bytes},
                                   {"usedUtc", timeText(entry.used)}});
  }
  return document;
}

void print(const std::string& folder, const std::vector<import::CacheEntry>& entries,
           Console& console) {
  console.out << fmt::format("{}\n{} runs, {} of {} at most\n", folder, entries.size(),
                             formatBytes(import::totalBytes(entries)),
                             formatBytes(import::cacheLimit(folder)));
  for (const import::CacheEntry& entry : entries) {
    console.out << fmt::format("  {}  {:>10}  used {} UTC\n", entry.path.filename().string(),
                               formatBytes(entry.bytes), timeText(entry.used));
  }
}

Result<ExitCode> runCache(const Options& options, Console& console) {
  const std::string folder = import::defaultCacheFolder();
  if (folder.empty())
    return fail(ErrorCode::kNotFound,
                "there is no home folder to keep loaded runs in; set CARACAL_CACHE_DIR");
  if (options.limitBytes >= 0) CARACAL_CHECK_OK(import::setCacheLimit(folder, options.limitBytes));
  if (options.clear || options.limitBytes >= 0)
    import::shrinkCache(folder, options.clear ? 0 : options.limitBytes);
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
  command
      .add_option("--limit", options->limitBytes,
                  "from now on keep at most this much, as 5GB; runs unused for longest go first")
      ->transform(CLI::AsSizeValue(true));
  command.add_flag("--json", options->json, "print one JSON document");
  return [options](Console& console) { return runCache(*options, console); };
}

}  // namespace caracal::cli
