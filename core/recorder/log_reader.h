// Reads a recorder's log (log_format.h) frame by frame. A log whose process was killed, or whose
// disk filled up, ends in a frame that does not check: what stands before it is whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/recorder/log_format.h"

namespace caracal::recorder {

// Whether a file that begins like this is a recorder's log.
bool isLogHead(std::string_view head);

struct RecordView {
  RecordKind kind = RecordKind::kNote;
  uint32_t threadId = 0;             // of the frame
  std::span<const std::byte> bytes;  // head and all; valid during the call
};

// The struct at the front of a record; nullptr when the record is too short for it.
template <class Record>
const Record* recordAs(const RecordView& view) {
  return view.bytes.size() >= sizeof(Record) ? reinterpret_cast<const Record*>(view.bytes.data())
                                             : nullptr;
}

// `length` bytes that follow `skipped` bytes behind the struct; empty when the record has no such
// bytes.
std::string_view textAfter(const RecordView& view, size_t structBytes, size_t skipped,
                           size_t length);

struct LogEnd {
  FileHeader header{};
  int64_t frames = 0;
  int64_t lostBytes = 0;  // behind the last good frame
};

// Fails when the file cannot be read, is no log or is of another version.
Result<FileHeader> readLogHeader(const std::string& path);

// Calls onRecord for every record in order of the file; an error it returns ends the reading.
// Fails as readLogHeader() does.
Result<LogEnd> readLog(const std::string& path,
                       const std::function<Result<void>(const RecordView&)>& onRecord);

}  // namespace caracal::recorder
