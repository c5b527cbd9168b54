// The bytes of trace files (docs/cache-format.md), shared by writer and reader.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "core/base/result.h"
#include "core/trace/trace.h"

namespace caracal::trace::file {

inline constexpr std::array<char, 8> kMagic{'C', 'A', 'R', 'A', 'C', 'T', 'R', 'C'};
inline constexpr size_t kAlignment = 64;
inline constexpr size_t kEventColumns = 6;
inline constexpr size_t kColumns = kEventColumns + kArgFieldCount;

// Times lie in [-kLatestNs, kLatestNs): until 2043, and so that sums of them stay inside 64 bits.
inline constexpr int64_t kLatestNs = int64_t{1} << 61;

struct Header {
  std::array<char, 8> magic = kMagic;
  uint32_t version = 0;
  uint32_t sections = 0;
  uint64_t fileBytes = 0;
  uint64_t events = 0;
  uint64_t argsRows = 0;
  uint64_t checksum = 0;  // of the header with 0 here, and the section table behind it
  std::array<uint64_t, 2> reserved{};
};
static_assert(sizeof(Header) == 64);

struct Section {
  uint64_t offset = 0;  // from the file's begin, a multiple of 64
  uint64_t bytes = 0;
  uint64_t checksum = 0;
};
static_assert(sizeof(Section) == 24);

// The sections, in the order of the table.
enum SectionIndex : size_t {
  kFacts,
  kNameTexts,
  kNameEnds,
  kFlows,
  kCounterTimes,
  kCounterValues,
  kLeaves,
  kNodes,
  kFirstColumn  // blocks, then words, of each column
};
inline constexpr size_t kSections = kFirstColumn + 2 * kColumns;

struct FlowRecord {
  uint32_t from = 0, to = 0, kind = 0;
};
static_assert(sizeof(FlowRecord) == 12);

// All that is neither a column nor a text of the string table, as JSON.
nlohmann::ordered_json factsOf(const TraceData& data);
// The opposite: fills tracks, ranks, groups, report, meta, tag, format, range, and the counters but
// for their samples, whose numbers are returned per series. Fails when a field is missing or of
// another type, or an index points nowhere.
Result<std::vector<size_t>> takeFacts(const nlohmann::ordered_json& facts, TraceData& data);

}  // namespace caracal::trace::file
