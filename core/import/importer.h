// Importers: one folder a format, one line each in the registry (registry.cpp). A reader says "is
// this mine?" from the first bytes and "read it" into a TraceBuilder; loadTraces() does the rest:
// folders, several files at once in parallel, ranks, merging, the report.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/progress.h"
#include "core/base/result.h"
#include "core/import/trace_cache.h"
#include "core/trace/early_cut.h"
#include "core/trace/trace.h"
#include "core/trace/trace_builder.h"

namespace caracal::import {

struct LoadOptions {
  int threads = 0;  // 0: one per core
  // What to keep. Files that say in their name or head that none of their ranks is wanted are not
  // read at all; the rest is left out before it is merged, and counted in the import report.
  trace::Selection selection;
  // Whether readers may leave out early what Selection::fromNs leaves out (early_cut.h).
  // loadTraces() clears it for files that are read again.
  bool cutsEarly = true;
  trace::EarlyCut earlyCut() const {
    return cutsEarly ? trace::EarlyCut(selection) : trace::EarlyCut();
  }
  CacheOptions cache;  // a library loads without one unless it is told a folder
};

class Importer {
 public:
  virtual ~Importer() = default;
  virtual std::string_view format() const = 0;
  // `head`: the first bytes (at most 64 KiB) after decompression. Cheap, never fails.
  virtual bool accepts(const std::string& path, std::string_view head) const = 0;
  // A file that belongs beside traces of this format and is read with them (a description, a
  // write-ahead log): in a folder it is neither read on its own nor reported as unreadable.
  virtual bool isCompanion(const std::string& path) const {
    static_cast<void>(path);
    return false;
  }
  // Reads the whole file into one builder, with Rank::file = path. A rank whose number the file
  // does not tell keeps rank -1: loadTraces() numbers it by the file name or by file order. Called
  // from several threads at once. Errors and the report's notes name the place inside the file; the
  // caller adds the file.
  virtual Result<trace::TraceBuilder> read(const std::string& path, const LoadOptions& options,
                                           std::stop_token stop,
                                           const Progress& progress) const = 0;
};

const std::vector<std::unique_ptr<Importer>>& importers();

// Whether a file that begins like this is a Caracal project: SQLite too, and no trace. Its
// application id stands at byte 68 of the header.
inline bool isProjectHead(std::string_view head) {
  return head.size() >= 72 && head.substr(68, 4) == "CRCL";
}

struct LoadResult {
  std::shared_ptr<const trace::Trace> trace;
  // Inputs that could not be read while others could; shown to the user.
  std::vector<Error> skipped;
  double seconds = 0;
  int64_t filesLeftOut = 0;  // not read, because their rank was not asked for
  bool fromCache = false;
  // What the user should know of the cache: a damaged entry, no room to write one. Often empty.
  std::string cacheNote;
  // Of a trace from the cache: checks that the files still have the content they had, which reads
  // them whole. Empty otherwise.
  std::function<Result<void>(const std::stop_token&)> checkSources;
};

// Files and folders (searched one level deep for readable traces) as one run. Fails when nothing
// could be read, with the first reason. Times of all files are absolute: files of one clock line
// up.
// With a cache, a run that is in it is not read at all, and one that is not is written there.
Result<LoadResult> loadTraces(const std::vector<std::string>& paths,
                              const LoadOptions& options = {}, std::stop_token stop = {},
                              const Progress& progress = {});

}  // namespace caracal::import
