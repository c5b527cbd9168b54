// Trace files: a whole Trace in one file whose columns are used where they lie, mapped into memory,
// so that opening costs no parsing. docs/cache-format.md describes the bytes.
//
// A file holds a `key`, JSON of the writer's choice that says what the trace was made from. Files
// are written beside their place and renamed, so a name stands for a whole file or for none.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>

#include "core/base/result.h"
#include "core/trace/trace.h"

namespace caracal::trace {

inline constexpr uint32_t kTraceFileVersion = 1;

// Fails with kIo (no room, no permission) or kCancelled; nothing is left behind then.
Result<void> writeTraceFile(const Trace& trace, const nlohmann::ordered_json& key,
                            const std::string& path, const std::stop_token& stop = {});

struct TraceFile {
  std::shared_ptr<const Trace> trace;  // keeps the file mapped
  nlohmann::ordered_json key;
};
// Checks all of the file (checksums, then that every index and name is one) before it is used:
// fails with kInvalidInput for a file that is cut, damaged or none of ours, kUnsupported for
// another version, kNotFound, kIo.
Result<TraceFile> readTraceFile(const std::string& path);

// The key alone, of a file whose other parts are not looked at. Fails as readTraceFile() does.
Result<nlohmann::ordered_json> readTraceFileKey(const std::string& path);

}  // namespace caracal::trace
