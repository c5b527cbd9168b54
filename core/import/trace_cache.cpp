#include "core/import/trace_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "core/base/checksum.h"
#include "core/base/system_message.h"
#include "core/import/cache_folder.h"
#include "core/trace/trace_file.h"

namespace caracal::import {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr std::string_view kEnding = ".caracal-trace";

ordered_json keyOf(const std::vector<CacheSource>& sources, const std::string& choices) {
  ordered_json list = ordered_json::array();
  for (const CacheSource& source : sources) {
    list.push_back({{"path", source.path},
                    {"bytes", source.bytes},
                    {"modifiedNs", source.modifiedNs},
                    {"contentHash", fmt::format("{:016x}", source.contentHash)}});
  }
  return {{"importRevision", importRevision()}, {"choices", choices}, {"sources", list}};
}

// The hashes of a key's sources, put into them; false when the key is of another run.
bool takeHashes(const ordered_json& key, std::vector<CacheSource>& sources,
                const std::string& choices) {
  try {
    for (size_t i = 0; i < sources.size(); ++i) {
      const std::string hash = key.at("sources").at(i).at("contentHash");
      sources[i].contentHash = std::strtoull(hash.c_str(), nullptr, 16);
    }
    return key == keyOf(sources, choices);
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

// Hash over the checksums of 4 MiB pieces, so that a file of any size is read with little memory
// and can be left at once.
Result<uint64_t> contentHash(const std::string& path, const std::stop_token& stop) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return fail(ErrorCode::kIo, "{} cannot be read: {}", path, systemMessage(errno));
  std::vector<std::byte> piece(size_t{4} << 20);
  std::vector<uint64_t> checksums;
  ssize_t got = 1;
  while (got > 0 && !stop.stop_requested()) {
    size_t filled = 0;
    while (filled < piece.size() &&
           (got = ::read(file, piece.data() + filled, piece.size() - filled)) > 0) {
      filled += static_cast<size_t>(got);
    }
    if (filled > 0) checksums.push_back(checksum64(std::span(piece).first(filled)));
  }
  ::close(file);
  if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "hashing was cancelled");
  if (got < 0) return fail(ErrorCode::kIo, "{} cannot be read: {}", path, systemMessage(errno));
  return checksum64(std::as_bytes(std::span(checksums)));
}

}  // namespace

std::string defaultCacheFolder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (const std::string own = variable("CARACAL_CACHE_DIR"); !own.empty()) return own;
  if (const std::string base = variable("XDG_CACHE_HOME"); !base.empty() && base[0] == '/')
    return base + "/caracal/traces";
  if (const std::string home = variable("HOME"); !home.empty())
    return home + "/.cache/caracal/traces";
  return {};
}

Result<CacheSource> cacheSourceOf(const std::string& path) {
  std::error_code error;
  const fs::path canonical = fs::canonical(path, error);
  struct stat info {};
  if (error || ::stat(canonical.c_str(), &info) != 0)
    return fail(ErrorCode::kIo, "{} is gone or cannot be looked at", path);
  return CacheSource{canonical.string(), static_cast<uint64_t>(info.st_size),
                     int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec};
}

TraceCache::TraceCache(CacheOptions options, std::vector<CacheSource> sources,
                       const std::string& choices)
    : m_options(std::move(options)), m_sources(std::move(sources)), m_choices(choices) {
  for (CacheSource& source : m_sources) source.contentHash = 0;
}

std::string TraceCache::entryPath() const {
  const std::string key = keyOf(m_sources, m_choices).dump();
  const uint64_t name = checksum64(std::as_bytes(std::span(key.data(), key.size())));
  return fmt::format("{}/{:016x}{}", m_options.folder, name, kEnding);
}

std::optional<TraceCache::Found> TraceCache::find(std::string& note) const {
  const std::string path = entryPath();
  auto read = trace::readTraceFile(path);
  if (!read) {
    if (read.error().code == ErrorCode::kNotFound) return std::nullopt;
    note = fmt::format("the cached copy could not be used and the files were read anew ({})",
                       read.error().text());
    std::error_code ignored;
    fs::remove(path, ignored);
    return std::nullopt;
  }
  std::vector<CacheSource> sources = m_sources;
  if (!takeHashes(read->key, sources, m_choices)) return std::nullopt;  // names that collide
  ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0);                      // used just now
  return Found{std::move(read->trace), std::move(sources)};
}

Result<void> TraceCache::store(const trace::Trace& trace, const std::stop_token& stop) const {
  if (static_cast<int64_t>(trace.memoryBytes()) > m_options.mostBytes)
    return fail(ErrorCode::kIo, "the run is larger than the whole cache may be");
  std::error_code error;
  fs::create_directories(m_options.folder, error);
  if (error) {
    return fail(ErrorCode::kIo, "the folder {} cannot be made: {}", m_options.folder,
                error.message());
  }
  std::vector<CacheSource> sources = m_sources;
  for (CacheSource& source : sources) {
    CARACAL_TRY(hash, contentHash(source.path, stop));
    CARACAL_TRY(now, cacheSourceOf(source.path));
    if (now.bytes != source.bytes || now.modifiedNs != source.modifiedNs)
      return fail(ErrorCode::kIo, "{} changed while it was read", source.path);
    source.contentHash = hash;
  }
  CARACAL_CHECK_OK(trace::writeTraceFile(trace, keyOf(sources, m_choices), entryPath(), stop));
  shrinkCache(m_options.folder, m_options.mostBytes);
  return {};
}

Result<CachedRun> cachedRunOf(const std::filesystem::path& entry) {
  CARACAL_TRY(key, trace::readTraceFileKey(entry.string()));
  CachedRun run;
  try {
    run.choices = key.at("choices");
    run.isCurrent = key.at("importRevision") == importRevision();
    for (const ordered_json& source : key.at("sources")) {
      const std::string hash = source.at("contentHash");
      run.sources.push_back({source.at("path"), source.at("bytes"), source.at("modifiedNs"),
                             std::strtoull(hash.c_str(), nullptr, 16)});
    }
  } catch (const nlohmann::json::exception&) {
    return fail(ErrorCode::kInvalidInput, "{} does not say what it was made from", entry.string());
  }
  return run;
}

Result<void> checkContent(const std::vector<CacheSource>& sources, const std::stop_token& stop) {
  for (const CacheSource& source : sources) {
    CARACAL_TRY(hash, contentHash(source.path, stop));
    if (hash == source.contentHash) continue;
    return fail(ErrorCode::kInvalidInput, "{} has another content than when it was read",
                source.path);
  }
  return {};
}

Result<void> checkSources(const TraceCache& cache, const std::vector<CacheSource>& recorded,
                          const std::stop_token& stop) {
  auto checked = checkContent(recorded, stop);
  if (checked || checked.error().code == ErrorCode::kCancelled) return checked;
  std::error_code ignored;
  fs::remove(cache.entryPath(), ignored);
  checked.error().message += ": what is shown is of the old one. Open it again";
  return checked;
}

}  // namespace caracal::import
