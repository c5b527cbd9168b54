#include "core/trace/event_args.h"

#include <cstring>
#include <functional>

namespace caracal::trace {
namespace {

// Rows of ArgsTable between two marks: to find a row, this many are stepped over at most.
constexpr size_t kRowsOfMark = 8;
constexpr size_t kMaskBytes = 2;
constexpr size_t kMostVarintBytes = 10;
static_assert(kArgFieldCount <= 8 * kMaskBytes);

// A row as ArgsTable holds it: a bit for each field that differs from its default, then the
// differences, low groups of seven bits first, signs in the lowest bit.
class EncodedRow {
 public:
  explicit EncodedRow(const EventArgs& args) {
    static const ArgFields kDefaults = fieldsOf({});
    const ArgFields fields = fieldsOf(args);
    uint32_t mask = 0;
    for (size_t f = 0; f < kArgFieldCount; ++f) {
      if (fields[f] == kDefaults[f]) continue;
      mask |= uint32_t{1} << f;
      push(static_cast<uint64_t>(fields[f]) - static_cast<uint64_t>(kDefaults[f]));
    }
    m_bytes[0] = static_cast<char>(mask & 0xFF);
    m_bytes[1] = static_cast<char>(mask >> 8);
  }
  std::string_view text() const { return {m_bytes.data(), m_size}; }

 private:
  void push(uint64_t difference) {
    uint64_t rest = (difference << 1) ^ (difference >> 63 != 0 ? ~uint64_t{0} : 0);
    for (; rest >= 0x80; rest >>= 7) m_bytes[m_size++] = static_cast<char>(rest | 0x80);
    m_bytes[m_size++] = static_cast<char>(rest);
  }

  std::array<char, kMaskBytes + kArgFieldCount * kMostVarintBytes> m_bytes;
  size_t m_size = kMaskBytes;
};

EventArgs decoded(std::string_view row) {
  const auto byte = [&](size_t i) { return static_cast<uint64_t>(static_cast<uint8_t>(row[i])); };
  const uint64_t mask = byte(0) | byte(1) << 8;
  size_t at = kMaskBytes;
  ArgFields fields = fieldsOf({});
  for (size_t f = 0; f < kArgFieldCount; ++f) {
    if ((mask >> f & 1) == 0) continue;
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      value |= (byte(at) & 0x7F) << shift;
      if (byte(at++) < 0x80) break;
    }
    const uint64_t difference = (value >> 1) ^ ((value & 1) != 0 ? ~uint64_t{0} : 0);
    fields[f] = static_cast<int64_t>(static_cast<uint64_t>(fields[f]) + difference);
  }
  return argsOfFields(fields);
}

}  // namespace

std::string_view name(Pass pass) {
  static constexpr std::array<std::string_view, kPassCount> kNames{"",  "F", "B",
                                                                   "W", "R", "optimizer"};
  return kNames[static_cast<size_t>(pass)];
}

std::string_view name(CollectiveKind kind) {
  static constexpr std::array<std::string_view, kCollectiveKindCount> kNames{
      "",         "AllReduce", "AllGather", "ReduceScatter", "Broadcast", "Reduce", "AllToAll",
      "SendRecv", "Send",      "Recv",      "Barrier",       "Wait",      "Generic"};
  return kNames[static_cast<size_t>(kind)];
}

ArgFields fieldsOf(const EventArgs& args) {
  ArgFields fields{};
  fields[kArgBytes] = args.bytes;
  fields[kArgSequence] = args.sequence;
  fields[kArgExternalId] = static_cast<int64_t>(args.externalId);
  fields[kArgGroup] = args.group == kNoIndex ? 0 : int64_t{args.group} + 1;
  fields[kArgDtype] = args.dtype;
  fields[kArgDetail] = args.detail;
  fields[kArgPeer] = args.peer;
  fields[kArgStep] = args.step;
  fields[kArgMicroBatch] = args.microBatch;
  fields[kArgStage] = args.stage;
  fields[kArgChunk] = args.chunk;
  fields[kArgLayer] = args.layer;
  fields[kArgCollective] = static_cast<int64_t>(args.collective);
  fields[kArgPass] = static_cast<int64_t>(args.pass);
  fields[kArgWindow] = args.window;
  return fields;
}

EventArgs argsOfFields(const ArgFields& fields) {
  const auto number = [&](ArgField f) { return static_cast<int32_t>(fields[f]); };
  EventArgs args;
  args.bytes = fields[kArgBytes];
  args.sequence = fields[kArgSequence];
  args.externalId = static_cast<uint64_t>(fields[kArgExternalId]);
  args.group = static_cast<uint32_t>(fields[kArgGroup] - 1);  // 0, none, becomes kNoIndex
  args.dtype = static_cast<NameId>(fields[kArgDtype]);
  args.detail = static_cast<NameId>(fields[kArgDetail]);
  args.peer = number(kArgPeer);
  args.step = number(kArgStep);
  args.microBatch = number(kArgMicroBatch);
  args.stage = number(kArgStage);
  args.chunk = number(kArgChunk);
  args.layer = number(kArgLayer);
  args.collective = static_cast<CollectiveKind>(fields[kArgCollective]);
  args.pass = static_cast<Pass>(fields[kArgPass]);
  args.window = static_cast<uint8_t>(fields[kArgWindow]);
  return args;
}

EventArgs PackedArgs::operator[](size_t row) const {
  ArgFields fields{};
  for (size_t f = 0; f < kArgFieldCount; ++f) fields[f] = m_columns[f][row];
  return argsOfFields(fields);
}

size_t PackedArgs::memoryBytes() const {
  size_t bytes = 0;
  for (const PackedColumn& column : m_columns) bytes += column.memoryBytes();
  return bytes;
}

void ArgsPacker::push(const EventArgs& args) {
  const ArgFields fields = fieldsOf(args);
  for (size_t f = 0; f < kArgFieldCount; ++f) m_packers[f].push(fields[f]);
}

PackedArgs ArgsPacker::finish() && {
  std::array<PackedColumn, kArgFieldCount> columns;
  for (size_t f = 0; f < kArgFieldCount; ++f) columns[f] = std::move(m_packers[f]).finish();
  return PackedArgs(std::move(columns));
}

std::string_view ArgsTable::at(uint32_t row) const {
  const char* const bytes = reinterpret_cast<const char*>(m_rows.data());
  const auto lengthAt = [&](size_t place) { return static_cast<uint8_t>(bytes[place]); };
  size_t place = m_marks[row / kRowsOfMark];
  for (size_t i = 0; i < row % kRowsOfMark; ++i) place += 1 + lengthAt(place);
  return {bytes + place + 1, lengthAt(place)};
}

EventArgs ArgsTable::operator[](uint32_t row) const {
  return decoded(at(row));
}

size_t ArgsTable::slotOf(std::string_view row) const {
  const size_t mask = m_slots.size() - 1;
  size_t slot = std::hash<std::string_view>()(row) & mask;
  while (m_slots[slot] != kNoIndex && at(m_slots[slot]) != row) slot = (slot + 1) & mask;
  return slot;
}

void ArgsTable::grow() {
  const size_t slots = m_slots.empty() ? 64 : m_slots.size() * 2;
  m_slots = {};  // first: there need not be both
  m_slots.assign(slots, kNoIndex);
  for (uint32_t row = 0; row < m_size; ++row) m_slots[slotOf(at(row))] = row;
}

void ArgsTable::append(std::string_view row) {
  if (m_size % kRowsOfMark == 0) m_marks.push_back(m_usedBytes);
  const size_t end = m_usedBytes + 1 + row.size();
  const size_t words = (end + sizeof(uint64_t) - 1) / sizeof(uint64_t);
  m_rows.grow(words - m_rows.size());
  char* const bytes = reinterpret_cast<char*>(m_rows.data());
  bytes[m_usedBytes] = static_cast<char>(row.size());
  std::memcpy(bytes + m_usedBytes + 1, row.data(), row.size());
  m_usedBytes = end;
  ++m_size;
}

uint32_t ArgsTable::intern(const EventArgs& args) {
  if (m_slots.size() * 3 <= (m_size + 1) * 4) grow();
  const EncodedRow row(args);
  const size_t slot = slotOf(row.text());
  if (m_slots[slot] == kNoIndex) {
    append(row.text());
    m_slots[slot] = static_cast<uint32_t>(m_size - 1);
  }
  return m_slots[slot];
}

}  // namespace caracal::trace
