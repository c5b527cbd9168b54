// One log's records into rows: the state of a conversion while a log is read from front to back.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/recorder/log_conversion.h"
#include "core/recorder/log_reader.h"
#include "core/recorder/range_pairs.h"
#include "core/recorder/tables.h"

namespace caracal::recorder {

class LogConverter {
 public:
  LogConverter(Tables& tables, const LogStart& start, Conversion& result)
      : m_tables(tables), m_start(start), m_result(result), m_ranges(tables) {}

  Result<void> add(const RecordView& view);
  Result<void> finish(const LogEnd& end, const SessionClock& clock);

 private:
  // Dispatch of what CUPTI delivered; false: another kind.
  Result<bool> addActivity(const RecordView& view);
  Result<bool> addHardware(const RecordView& view);
  Result<void> addOwn(const RecordView& view);
  Result<void> addName(const RecordView& view);
  Result<void> addSchema(const RecordView& view);
  Result<void> writeMeta(const SessionClock& clock);
  Result<void> writeOverhead();
  // Notes when something happened. False, and counted as without time, for what no clock shows.
  bool isTimed(int64_t startNs, int64_t endNs);
  const std::string& textOf(uint32_t id) const;

  // One activity record: counted, its time noted, and its row written by `write`.
  template <class Record, class Write>
  Result<bool> addTimed(const RecordView& view, int64_t& count, const Write& write);

  Tables& m_tables;
  const LogStart& m_start;
  Conversion& m_result;
  RangePairs m_ranges;
  std::unordered_map<uint32_t, std::string> m_texts;
  std::unordered_map<uint32_t, uint32_t> m_deviceOfContext;
  std::vector<StepRecord> m_steps;
  int64_t m_beginNs = 0, m_endNs = 0;
  bool m_sawRecord = false;
};

}  // namespace caracal::recorder
