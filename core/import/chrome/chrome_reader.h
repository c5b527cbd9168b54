// Reads a Chrome-trace JSON file of any size block by block: {"key": ..., "traceEvents": [...],
// ...} with metadata before and after the events, or a bare array of events. Plain or gzip, UTF-8
// or UTF-16. Events go to the sink as they come; the rest is returned.
#pragma once

#include <map>
#include <stop_token>
#include <string>

#include "core/base/progress.h"
#include "core/base/result.h"
#include "core/import/chrome/chrome_event.h"
#include "core/trace/import_report.h"

namespace caracal::import::chrome {

struct ChromeDocument {
  int64_t entries = 0;     // entries of the event array, understood or not
  bool bareArray = false;  // no object around the events
  // Top-level members besides the events, as JSON text.
  std::map<std::string, std::string> members;
  trace::ImportReport report;

  // A member's JSON text, empty when there is none.
  const std::string& member(const std::string& key) const;
};

// Does a file that begins like this look like JSON of an object or array?
bool looksLikeJson(std::string_view head);

// The text is read and parsed block by block: small enough to stay in the processor's cache and to
// notice a cancel within milliseconds. A value that does not fit makes the block grow.
inline constexpr size_t kBlockBytes = 1024 * 1024;

// Fails when the text is not JSON, holds no events, or reading stops (cancelled, disk). A file that
// ends too early keeps the events before the cut: counted as kTruncatedInput, and noted.
Result<ChromeDocument> readChromeTrace(const std::string& path, const EventSink& sink,
                                       std::stop_token stop, const Progress& progress,
                                       size_t blockBytes = kBlockBytes);

}  // namespace caracal::import::chrome
