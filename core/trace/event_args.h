// The arguments of events, typed, and how a Trace holds them: equal arguments once, each field as a
// packed column over the distinct rows, so that fields which do not apply take no space.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "core/trace/growing_words.h"
#include "core/trace/packed_column.h"
#include "core/trace/string_table.h"

namespace caracal::trace {

inline constexpr uint32_t kNoIndex = std::numeric_limits<uint32_t>::max();

enum class Pass : uint8_t { kNone, kForward, kBackward, kWeight, kRecompute, kOptimizer };
inline constexpr size_t kPassCount = 6;
std::string_view name(Pass pass);  // "F", "B", "W", "R", "optimizer", ""

enum class CollectiveKind : uint8_t {
  kNone,
  kAllReduce,
  kAllGather,
  kReduceScatter,
  kBroadcast,
  kReduce,
  kAllToAll,
  kSendRecv,
  kSend,
  kRecv,
  kBarrier,
  kWait,
  kGeneric
};
inline constexpr size_t kCollectiveKindCount = 13;
std::string_view name(CollectiveKind kind);  // "AllReduce", ..., "SendRecv", "Generic"

// What analysis needs of an event's arguments. One per event that has any; fields that do not apply
// keep their defaults.
struct EventArgs {
  // Payload of a copy or a collective (input side), output of a matrix product; -1: unknown.
  int64_t bytes = -1;
  int64_t sequence = -1;      // collective sequence number in its group
  uint64_t externalId = 0;    // Kineto "External id", 0 = none
  uint32_t group = kNoIndex;  // index into Trace::processGroups()
  NameId dtype = 0;           // as the source writes it
  NameId detail = 0;          // free text for the details panel ("grid 12x1x1 block 256"), 0 = none
  int32_t peer = -1;          // rank of the other side of a send or recv
  int32_t step = -1;
  int32_t microBatch = -1;
  int32_t stage = -1;
  int32_t chunk = -1;  // model chunk of interleaved schedules
  int32_t layer = -1;  // global layer index, -1: not of a layer
  CollectiveKind collective = CollectiveKind::kNone;
  Pass pass = Pass::kNone;
  uint8_t window = 0;  // plan::WindowId + 1 of a collective or recompute; 0 = none
  bool operator==(const EventArgs&) const = default;
};

// The fields in the order they are held and written to files, as numbers. `group` is held plus one,
// 0 = none, so that "none" lies beside the first groups.
inline constexpr size_t kArgFieldCount = 15;
using ArgFields = std::array<int64_t, kArgFieldCount>;
enum ArgField : size_t {
  kArgBytes,
  kArgSequence,
  kArgExternalId,
  kArgGroup,
  kArgDtype,
  kArgDetail,
  kArgPeer,
  kArgStep,
  kArgMicroBatch,
  kArgStage,
  kArgChunk,
  kArgLayer,
  kArgCollective,
  kArgPass,
  kArgWindow
};
ArgFields fieldsOf(const EventArgs& args);
EventArgs argsOfFields(const ArgFields& fields);

// Rows of arguments, packed.
class PackedArgs {
 public:
  PackedArgs() = default;
  explicit PackedArgs(std::array<PackedColumn, kArgFieldCount> columns)
      : m_columns(std::move(columns)) {}
  size_t size() const { return m_columns[0].size(); }
  EventArgs operator[](size_t row) const;
  const std::array<PackedColumn, kArgFieldCount>& columns() const { return m_columns; }
  size_t memoryBytes() const;

 private:
  std::array<PackedColumn, kArgFieldCount> m_columns;
};

class ArgsPacker {
 public:
  void push(const EventArgs& args);
  size_t size() const { return m_packers[0].size(); }
  PackedArgs finish() &&;

 private:
  std::array<ColumnPacker, kArgFieldCount> m_packers;
};

// Distinct rows while events are collected, each named by a dense index. A run may have as many as
// events, so they are held as short as can be: only the fields that differ from their defaults,
// each in as many bytes as it needs.
class ArgsTable {
 public:
  uint32_t intern(const EventArgs& args);
  EventArgs operator[](uint32_t row) const;
  size_t size() const { return m_size; }

 private:
  std::string_view at(uint32_t row) const;
  size_t slotOf(std::string_view row) const;
  void append(std::string_view row);
  void grow();

  // One row behind the other: its length in bytes, then the row (event_args.cpp).
  GrowingWords m_rows;
  size_t m_usedBytes = 0;
  size_t m_size = 0;
  std::vector<size_t> m_marks;    // where every kRowsOfMark-th row begins
  std::vector<uint32_t> m_slots;  // open addressing, power of two, kNoIndex = free
};

}  // namespace caracal::trace
