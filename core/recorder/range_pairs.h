// Pairs the begins and ends of NVTX ranges into rows.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/recorder/log_reader.h"
#include "core/recorder/payload_json.h"
#include "core/recorder/tables.h"

namespace caracal::recorder {

class RangePairs {
 public:
  explicit RangePairs(Tables& tables) : m_tables(tables) {}

  // kRangePush to kMark, in the order of their thread.
  Result<void> add(const RecordView& view);
  void addSchema(uint32_t domain, uint64_t id, PayloadSchema schema) {
    m_schemas[{domain, id}] = std::move(schema);
  }
  // Ranges that are still open become rows without an end.
  Result<void> finish();

  int64_t rows() const { return m_rows; }
  int64_t openRanges() const { return m_open; }
  int64_t unmatchedEnds() const { return m_unmatched; }

 private:
  // A row with the texts it refers to.
  struct Pending {
    RangeRow row;
    std::string json, binary;
  };
  Result<Pending> pendingOf(const RecordView& view, const RangeRecord& record);
  Result<void> write(Pending& pending, int64_t endNs);
  Result<void> pop(uint32_t thread, const RangeRecord& record);
  Result<void> end(uint32_t thread, const RangeRecord& record);

  Tables& m_tables;
  PayloadSchemas m_schemas;
  std::map<std::pair<uint32_t, uint32_t>, std::vector<Pending>> m_stacks;  // (thread, domain)
  std::map<uint64_t, Pending> m_started;                                   // by rangeId
  int64_t m_rows = 0, m_open = 0, m_unmatched = 0;
};

}  // namespace caracal::recorder
