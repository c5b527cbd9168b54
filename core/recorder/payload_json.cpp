#include "core/recorder/payload_json.h"

#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

namespace caracal::recorder {
namespace {

using nlohmann::ordered_json;

// NVTX_PAYLOAD_ENTRY_TYPE_*: the numbers of basic types, on 64-bit Linux.
template <class Value>
std::optional<ordered_json> read(std::string_view bytes, uint64_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(Value)) return std::nullopt;
  Value value{};
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return ordered_json(value);
}

std::optional<ordered_json> valueOf(const PayloadEntry& entry, std::string_view bytes) {
  switch (entry.type) {
    case 3:   // short
    case 13:  // int16
      return read<int16_t>(bytes, entry.offset);
    case 4:
    case 14:
      return read<uint16_t>(bytes, entry.offset);
    case 5:   // int
    case 15:  // int32
      return read<int32_t>(bytes, entry.offset);
    case 6:
    case 16:
      return read<uint32_t>(bytes, entry.offset);
    case 7:   // long
    case 9:   // long long
    case 17:  // int64
      return read<int64_t>(bytes, entry.offset);
    case 8:
    case 10:
    case 18:
    case 22:  // size_t
    case 23:  // address
      return read<uint64_t>(bytes, entry.offset);
    case 2:   // unsigned char
    case 12:  // uint8
      return read<uint8_t>(bytes, entry.offset);
    case 1:   // char
    case 11:  // int8
      return read<int8_t>(bytes, entry.offset);
    case 19:
    case 43:
      return read<float>(bytes, entry.offset);
    case 20:
    case 44:
      return read<double>(bytes, entry.offset);
    default:
      return std::nullopt;
  }
}

// Flags that make an entry more than a value at its offset: pointers, offsets and arrays.
constexpr uint64_t kIndirect = (1 << 1) | (1 << 2) | (1 << 3) | (7 << 4);

void addPayload(const PayloadSchema& schema, std::string_view bytes, ordered_json& json) {
  for (const PayloadEntry& entry : schema.entries) {
    if (entry.name.empty() || (entry.flags & kIndirect) != 0) continue;
    if (auto value = valueOf(entry, bytes)) json[entry.name] = std::move(*value);
  }
}

}  // namespace

PayloadSchema schemaOf(const RecordView& view) {
  PayloadSchema schema;
  const auto* const record = recordAs<SchemaRecord>(view);
  if (!record) return schema;
  const size_t listBytes = size_t{record->entries} * sizeof(SchemaEntry);
  const std::string_view list = textAfter(view, sizeof *record, 0, listBytes);
  std::string_view texts = textAfter(view, sizeof *record, listBytes, record->textBytes);
  if (list.size() != listBytes || texts.size() != record->textBytes) return schema;
  const auto take = [&](uint32_t bytes) {
    const std::string text(texts.substr(0, bytes));
    texts.remove_prefix(text.size());
    return text;
  };
  schema.name = take(record->nameBytes);
  for (uint32_t i = 0; i < record->entries; ++i) {
    SchemaEntry entry{};
    std::memcpy(&entry, list.data() + i * sizeof entry, sizeof entry);
    schema.entries.push_back({take(entry.nameBytes), entry.flags, entry.type, entry.offset});
  }
  return schema;
}

std::string payloadJson(const PayloadSchemas& schemas, uint32_t domain, std::string_view extended) {
  ordered_json json = ordered_json::object();
  while (extended.size() >= 2 * sizeof(uint64_t)) {
    uint64_t head[2];
    std::memcpy(head, extended.data(), sizeof head);
    extended.remove_prefix(sizeof head);
    if (head[1] > extended.size()) break;
    const auto schema = schemas.find({domain, head[0]});
    if (schema != schemas.end()) addPayload(schema->second, extended.substr(0, head[1]), json);
    extended.remove_prefix(std::min<size_t>(extended.size(), (head[1] + 7) & ~uint64_t{7}));
  }
  if (json.empty()) return {};
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace caracal::recorder
