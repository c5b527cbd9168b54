#include "profiler/nvtx_names.h"

#include "profiler/clock.h"

namespace caracal::profiler {
namespace {

using recorder::RecordKind;

// Fields count only where the mask says that they are set.
bool has(const nvtxPayloadSchemaAttr_t& schema, uint64_t field) {
  return (schema.fieldMask & field) != 0;
}

RecordBuffer schemaRecord(uint32_t domain, uint64_t id, const nvtxPayloadSchemaAttr_t& schema) {
  const size_t count = has(schema, NVTX_PAYLOAD_SCHEMA_ATTR_FIELD_NUM_ENTRIES) && schema.entries
                           ? schema.numEntries
                           : 0;
  std::string texts(has(schema, NVTX_PAYLOAD_SCHEMA_ATTR_FIELD_NAME) ? viewOf(schema.name) : "");
  const size_t nameBytes = texts.size();
  for (size_t i = 0; i < count; ++i) texts += viewOf(schema.entries[i].name);
  RecordBuffer buffer;
  const size_t listBytes = count * sizeof(recorder::SchemaEntry);
  auto& record =
      buffer.add<recorder::SchemaRecord>(RecordKind::kPayloadSchema, listBytes + texts.size());
  record.schema = id;
  record.domain = domain;
  record.schemaType = static_cast<uint32_t>(schema.type);
  record.payloadBytes = schema.payloadStaticSize;
  record.entries = static_cast<uint32_t>(count);
  record.nameBytes = static_cast<uint32_t>(nameBytes);
  record.textBytes = static_cast<uint32_t>(texts.size());
  for (size_t i = 0; i < count; ++i) {
    const nvtxPayloadSchemaEntry_t& from = schema.entries[i];
    const recorder::SchemaEntry entry{from.flags,
                                      from.type,
                                      from.offset,
                                      from.arrayOrUnionDetail,
                                      static_cast<uint32_t>(viewOf(from.name).size()),
                                      0};
    copyBehind(record, i * sizeof entry, {reinterpret_cast<const char*>(&entry), sizeof entry});
  }
  copyBehind(record, listBytes, texts);
  return buffer;
}

}  // namespace

NvtxNames& NvtxNames::instance() {
  static NvtxNames* const names = new NvtxNames;  // never destroyed: see the header
  return *names;
}

void NvtxNames::addName(RecordKind kind, uint32_t domain, uint32_t number, std::string_view name) {
  RecordBuffer buffer;
  auto& record = buffer.add<recorder::NameRecord>(kind, name.size());
  record.timeNs = nowNs();
  record.domain = domain;
  record.number = number;
  record.textBytes = static_cast<uint32_t>(name.size());
  copyBehind(record, 0, name);
  m_definitions.push_back(std::move(buffer));
}

NvtxDomain* NvtxNames::domain(std::string_view name) {
  const std::lock_guard lock(m_mutex);
  const auto found = m_domains.find(name);
  if (found != m_domains.end()) return found->second.get();
  const auto id = static_cast<uint32_t>(m_domains.size()) + 1;
  auto domain = std::make_unique<NvtxDomain>(NvtxDomain{id, name == "caracal"});
  addName(RecordKind::kDomain, id, 0, name);
  return m_domains.emplace(name, std::move(domain)).first->second.get();
}

NvtxString* NvtxNames::registeredString(std::string_view text) {
  const std::lock_guard lock(m_mutex);
  const auto found = m_strings.find(text);
  if (found != m_strings.end()) return found->second.get();
  auto entry = std::make_unique<NvtxString>(NvtxString{std::string(text)});
  return m_strings.emplace(text, std::move(entry)).first->second.get();
}

void NvtxNames::nameCategory(uint32_t domain, uint32_t category, std::string_view name) {
  const std::lock_guard lock(m_mutex);
  addName(RecordKind::kCategoryName, domain, category, name);
}

void NvtxNames::nameThread(uint32_t threadId, std::string_view name) {
  const std::lock_guard lock(m_mutex);
  addName(RecordKind::kThreadName, 0, threadId, name);
}

uint64_t NvtxNames::addSchema(const NvtxDomain* domain, const nvtxPayloadSchemaAttr_t& schema) {
  const std::lock_guard lock(m_mutex);
  const uint64_t id = has(schema, NVTX_PAYLOAD_SCHEMA_ATTR_FIELD_SCHEMA_ID) && schema.schemaId != 0
                          ? schema.schemaId
                          : m_nextSchema++;
  m_definitions.push_back(schemaRecord(domain ? domain->id : 0, id, schema));
  return id;
}

RecordBuffer NvtxNames::definitionsSince(size_t& known) {
  const std::lock_guard lock(m_mutex);
  RecordBuffer all;
  for (; known < m_definitions.size(); ++known) all.append(m_definitions[known]);
  return all;
}

}  // namespace caracal::profiler
