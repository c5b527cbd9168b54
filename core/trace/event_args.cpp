#include "core/trace/event_args.h"

namespace caracal::trace {
namespace {

size_t hashOf(const EventArgs& args) {
  uint64_t hash = 0;
  for (const int64_t field : fieldsOf(args)) {
    hash = (hash ^ static_cast<uint64_t>(field)) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 32;
  }
  return static_cast<size_t>(hash);
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

EventArgs PackedArgs::operator[](size_t row) const {
  const auto field = [&](ArgField f) { return m_columns[f][row]; };
  const auto number = [&](ArgField f) { return static_cast<int32_t>(field(f)); };
  EventArgs args;
  args.bytes = field(kArgBytes);
  args.sequence = field(kArgSequence);
  args.externalId = static_cast<uint64_t>(field(kArgExternalId));
  args.group = static_cast<uint32_t>(field(kArgGroup) - 1);  // 0, none, becomes kNoIndex
  args.dtype = static_cast<NameId>(field(kArgDtype));
  args.detail = static_cast<NameId>(field(kArgDetail));
  args.peer = number(kArgPeer);
  args.step = number(kArgStep);
  args.microBatch = number(kArgMicroBatch);
  args.stage = number(kArgStage);
  args.chunk = number(kArgChunk);
  args.layer = number(kArgLayer);
  args.collective = static_cast<CollectiveKind>(field(kArgCollective));
  args.pass = static_cast<Pass>(field(kArgPass));
  args.window = static_cast<uint8_t>(field(kArgWindow));
  return args;
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

size_t ArgsTable::slotOf(const EventArgs& args) const {
  const size_t mask = m_slots.size() - 1;
  size_t slot = hashOf(args) & mask;
  while (m_slots[slot] != kNoIndex && !(m_rows[m_slots[slot]] == args)) slot = (slot + 1) & mask;
  return slot;
}

void ArgsTable::grow() {
  m_slots.assign(m_slots.empty() ? 64 : m_slots.size() * 2, kNoIndex);
  for (uint32_t row = 0; row < m_rows.size(); ++row) m_slots[slotOf(m_rows[row])] = row;
}

uint32_t ArgsTable::intern(const EventArgs& args) {
  if (m_slots.size() * 3 <= (m_rows.size() + 1) * 4) grow();
  const size_t slot = slotOf(args);
  if (m_slots[slot] == kNoIndex) {
    m_slots[slot] = static_cast<uint32_t>(m_rows.size());
    m_rows.push_back(args);
  }
  return m_slots[slot];
}

}  // namespace caracal::trace
