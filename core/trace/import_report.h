// What a load repaired, dropped or did not understand. Imperfect data is not an error: it is
// counted under a named counter, per rank, and shown to the user.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace caracal::trace {

enum class Defect : uint8_t {
  kTruncatedInput,
  kMissingCloseBracket,
  kConvertedEncoding,
  kRepairedText,
  kNonFiniteNumber,
  kNotAnObject,
  kUnknownPhase,
  kMissingTimestamp,
  kMissingDuration,
  kNegativeDuration,
  kBadNumber,
  kMissingName,
  kMissingArgs,
  kUnmatchedBegin,
  kUnmatchedEnd,
  kUnresolvedNameId,
  kOpenRange,
  kMissingTable,
  kGpuWorkWithoutLaunch,
  kDuplicateRank,
  kUnknownRank,
  kDroppedByRecorder,
  kUnknownCategory,
  kRecoveredBlocks,
  kUnreadableEvent,
  kLeftOutByRequest,
  kCount
};

enum class Effect : uint8_t { kRepaired, kDropped, kNoted };

struct DefectInfo {
  std::string_view name;         // as in `caracal info --json`, quality{}
  Effect effect;                 // what Caracal did
  std::string_view description;  // one sentence for the data-quality panel
};

const DefectInfo& info(Defect defect);

struct ImportReport {
  std::array<int64_t, static_cast<size_t>(Defect::kCount)> counts{};
  std::vector<std::string> notes;  // facts about the load in words, "file: what"

  void count(Defect defect, int64_t times = 1) { counts[static_cast<size_t>(defect)] += times; }
  int64_t of(Defect defect) const { return counts[static_cast<size_t>(defect)]; }
  void add(const ImportReport& other);
};

}  // namespace caracal::trace
