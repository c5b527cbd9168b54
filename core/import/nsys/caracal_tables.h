// CARACAL_META, CARACAL_RANK, CARACAL_MEMORY and CARACAL_STEP of a recording
// (docs/recording-format.md).
#pragma once

#include <map>
#include <string>
#include <tuple>

#include "core/import/nsys/reading.h"

namespace caracal::import::nsys {

// Where a rank stands in the run.
struct RecordedRank {
  uint32_t index = 0;  // in the builder
  int32_t number = 0;
  int32_t stage = -1, tensorIndex = -1, dataIndex = -1;
};

struct RecordedRanks {
  std::map<int32_t, RecordedRank> byNumber;
  std::map<std::tuple<int32_t, int32_t, int32_t>, int32_t>
      numberAt;  // (stage, tensorIndex, dataIndex)
};

// CARACAL_META and the tag. Refuses a recording of a version this program does not know.
Result<void> readRecordingMeta(Reading& reading);
// That and the ranks. Before every other reader.
Result<RecordedRanks> readRecordingHead(Reading& reading, const std::string& path);
// Operators, memory and steps.
Result<void> readRecordingRows(Reading& reading, const RecordedRanks& ranks);

}  // namespace caracal::import::nsys
