// The log that libcaracal_inject.so appends to inside an observed process, one file a process
// (docs/recorder-log.md is the page for readers). Plain little-endian records in checksummed
// frames, so that whatever was written before a kill -9 is readable: a reader takes frames until
// the first that does not check.
//
// The recorder fills these structs, log_reader.h hands them out, log_conversion.h turns them into
// SQLite. Times are nanoseconds of the recorder's clock, CLOCK_MONOTONIC_RAW, unless a comment says
// otherwise. Numbers of kinds are the file format and never change. What CUPTI delivers, kKernel to
// kStream, is in log_activity.h.
#pragma once

#include <cstdint>

namespace caracal::recorder {

inline constexpr char kLogMagic[8] = {'C', 'R', 'C', 'L', 'L', 'O', 'G', '\n'};
inline constexpr uint32_t kLogVersion = 1;
inline constexpr uint32_t kFrameMagic = 0x4D415246;  // "FRAM"
inline constexpr const char* kLogSuffix = ".caracal-log";

// What became of the log; the only bytes of a file that are ever written twice.
enum class LogState : uint32_t {
  kOpen = 0,         // recording, or the process was killed
  kEnded = 1,        // the process ended normally, or the recording was told to stop
  kWriteFailed = 2,  // the disk refused: the rest of the run is missing
};

struct FileHeader {
  char magic[8];
  uint32_t version;
  uint32_t headerBytes;
  int64_t pid;
  uint64_t session;    // of the `caracal record` that started the process; 0: none
  uint32_t state;      // LogState
  int32_t writeError;  // errno of kWriteFailed
};
static_assert(sizeof(FileHeader) == 40);

struct FrameHeader {
  uint32_t magic;
  uint32_t payloadBytes;  // of records, a multiple of 8
  uint32_t threadId;      // frames of NVTX records: the thread they happened on; else 0
  uint32_t sequence;      // 0, 1, 2, ... in order of the file
  uint64_t checksum;      // XXH64 of this header with checksum 0 and of the payload
};
static_assert(sizeof(FrameHeader) == 24);

enum class RecordKind : uint16_t {
  kText = 1,
  kFact = 2,
  kAnchor = 3,
  kLoss = 4,
  kStep = 5,
  kCollection = 6,
  kNote = 7,
  kEnd = 8,
  kKernel = 16,
  kCopy = 17,
  kSet = 18,
  kSynchronization = 19,
  kOverhead = 20,
  kApiCall = 21,
  kExternalCorrelation = 22,
  kGraphLaunch = 23,
  kContext = 24,
  kDevice = 25,
  kStream = 26,
  kRangePush = 32,
  kRangePop = 33,
  kRangeStart = 34,
  kRangeEnd = 35,
  kMark = 36,
  kDomain = 37,
  kThreadName = 38,
  kCategoryName = 39,
  kPayloadSchema = 40,
};

// In front of every record; the next one lies `bytes` further on.
struct RecordHead {
  RecordKind kind;
  uint16_t reserved;
  uint32_t bytes;  // head and what follows the struct, rounded up to 8
};

// A text that later records name by id. Followed by textBytes bytes, UTF-8.
struct TextRecord {
  RecordHead head;
  uint32_t id;
  uint32_t textBytes;
};

// "key=value": what the recorder knew at the start (host, command, launcher variables, ...).
// Followed by textBytes bytes.
struct FactRecord {
  RecordHead head;
  uint32_t textBytes;
  uint32_t reserved;
};

// The clocks of one moment. They were read within uncertaintyNs of each other.
struct AnchorRecord {
  RecordHead head;
  int64_t timeNs;
  int64_t realtimeNs, monotonicNs, boottimeNs;
  int64_t cuptiNs;  // cuptiGetTimestamp(); 0 before CUPTI is there
  int64_t uncertaintyNs;
};

// No clock that counts from the start of a machine, or from 1970, shows more (2043); differences of
// such times stay within 64 bits.
inline constexpr int64_t kLatestNs = int64_t{1} << 61;
constexpr bool isClockTime(int64_t timeNs) {
  return timeNs >= 0 && timeNs <= kLatestNs;
}

enum class LossReason : uint32_t {
  kCupti = 0,          // CUPTI itself had no room
  kNoBuffer = 1,       // every buffer of the recorder was in use
  kNvtxQueueFull = 2,  // the writer did not keep up with NVTX events
  kNoTime = 3,         // a record without start and end
  kUnknownLayout = 4,  // shorter than any version of CUPTI that is known
  kLate = 5,           // completed after the recording had ended
};
inline constexpr uint32_t kLossReasons = 6;

struct LossRecord {
  RecordHead head;
  LossReason reason;
  uint32_t reserved;
  uint64_t records;  // since the last LossRecord of the reason
};

// A training step began; collecting: whether GPU activity was collected from here on.
struct StepRecord {
  RecordHead head;
  int64_t timeNs;
  int64_t step;
  uint32_t collecting;
  uint32_t reserved;
};

// Collection of GPU activity was switched on or off.
struct CollectionRecord {
  RecordHead head;
  int64_t timeNs;
  uint32_t on;
  uint32_t reserved;
};

// What the user should know ("another tool uses CUPTI"). Followed by textBytes bytes.
struct NoteRecord {
  RecordHead head;
  int64_t timeNs;
  uint32_t textBytes;
  uint32_t isWarning;
};

// The last record of a log that ended normally.
struct EndRecord {
  RecordHead head;
  int64_t timeNs;
  int64_t writerCpuNs;  // processor time of the recorder's own thread
  uint64_t reserved;
};

// kRangePush, kRangePop, kRangeStart, kRangeEnd, kMark. Followed by textBytes bytes of message and
// extendedBytes bytes of extended payload: {uint64 schema, uint64 size, size bytes rounded up to 8}
// repeated.
struct RangeRecord {
  RecordHead head;
  int64_t timeNs;
  uint64_t rangeId;  // kRangeStart and kRangeEnd
  uint64_t payload;  // bits, as payloadType says
  uint32_t domain;   // 0: the default domain
  uint32_t category;
  uint32_t color;        // ARGB; 0 none
  uint32_t payloadType;  // NVTX's nvtxPayloadType_t; 0 none
  uint32_t textBytes;
  uint32_t extendedBytes;
};

// kDomain, kThreadName, kCategoryName: a number of the domain, thread or category and its name.
// Followed by textBytes bytes.
struct NameRecord {
  RecordHead head;
  int64_t timeNs;
  uint32_t domain, number;
  uint32_t textBytes;
  uint32_t reserved;
};

// The layout of an extended payload. Followed by `entries` structs of SchemaEntry, then the texts:
// the schema's name, then each entry's, textBytes bytes in all.
struct SchemaRecord {
  RecordHead head;
  uint64_t schema;
  uint32_t domain;
  uint32_t schemaType;
  uint64_t payloadBytes;
  uint32_t entries, nameBytes, textBytes;
  uint32_t reserved;
};
struct SchemaEntry {
  uint64_t flags, type, offset, arrayOrUnionDetail;
  uint32_t nameBytes;
  uint32_t reserved;
};

// Records start at multiples of 8, so that readers may use them in place.
constexpr uint32_t roundedUp(uint32_t bytes) {
  return (bytes + 7u) & ~7u;
}

}  // namespace caracal::recorder
