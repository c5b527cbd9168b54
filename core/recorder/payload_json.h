// Extended NVTX payloads (NCCL's message sizes and communicators, for example) as JSON, by the
// schemas that the program registered (nvToolsExtPayload.h of NVTX 3).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/recorder/log_format.h"
#include "core/recorder/log_reader.h"

namespace caracal::recorder {

struct PayloadEntry {
  std::string name;
  uint64_t flags = 0, type = 0, offset = 0;
};

struct PayloadSchema {
  std::string name;
  std::vector<PayloadEntry> entries;
};

// By (domain, schema id).
using PayloadSchemas = std::map<std::pair<uint32_t, uint64_t>, PayloadSchema>;

// Of a kPayloadSchema record; a schema without entries when the record is damaged.
PayloadSchema schemaOf(const RecordView& view);

// {"entry name": number, ...} of everything in RangeRecord's extended bytes whose schema is known.
// Entries that are pointers, arrays or nested schemas are left out. Empty: nothing is known.
std::string payloadJson(const PayloadSchemas& schemas, uint32_t domain, std::string_view extended);

}  // namespace caracal::recorder
