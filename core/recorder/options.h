// What `caracal record` asks of the recorder inside the observed processes, and the environment
// variables that carry it. Both sides use this file, so they cannot disagree.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/recorder/launcher.h"

namespace caracal::recorder {

// Kinds of activity, as bits.
enum Kind : uint32_t {
  kKindKernel = 1u << 0,
  kKindMemcpy = 1u << 1,
  kKindMemset = 1u << 2,
  kKindSync = 1u << 3,
  kKindOverhead = 1u << 4,
  kKindNvtx = 1u << 5,
  kKindRuntime = 1u << 6,   // host calls of the CUDA runtime: costs more than all others together
  kKindDriver = 1u << 7,    // host calls of the driver API
  kKindExternal = 1u << 8,  // ids that a framework pushed around its launches; needs runtime
  kKindGraph = 1u << 9,     // one record for each launch of a CUDA graph instead of its kernels
};
inline constexpr uint32_t kDefaultKinds =
    kKindKernel | kKindMemcpy | kKindMemset | kKindSync | kKindOverhead | kKindNvtx;

// "kernel,memcpy,...": exactly these; with a leading '+', these and the default ones. Nothing when
// a word is no kind.
std::optional<uint32_t> kindsFromText(std::string_view text);
std::string kindsText(uint32_t kinds);
// "kernel, memcpy, ...", all there are.
std::string allKindsText();

struct StepRange {
  int64_t first = 0;
  int64_t last = 0;  // inclusive
  bool operator==(const StepRange&) const = default;
};
// "10-13" or "10".
std::optional<StepRange> stepRangeFromText(std::string_view text);

struct RecordOptions {
  std::string folder;  // where logs go
  uint64_t session = 0;
  uint32_t kinds = kDefaultKinds;
  std::optional<StepRange> steps;  // GPU activity and ranges of these steps only
  // NVTX ranges whose message begins with this begin a step, counted from 0. Empty: ranges that
  // carry their number ("step:7" in domain caracal, "ProfilerStep#7").
  std::string stepMarker;
  // Blocks of this many steps are recorded and not recorded in turn, three times, before recording
  // goes on as asked: the difference is the recorder's cost. 0: no such blocks.
  int32_t overheadSteps = 0;
  int64_t durationMs = 0;    // stop this long after the process began to record; 0: at its end
  int32_t flushMs = 1000;    // what a kill -9 may cost
  int32_t anchorMs = 10000;  // between readings of the host's clocks
  std::string cupti;         // library to load; empty: the one in the process, else by its name
  bool operator==(const RecordOptions&) const = default;
};

// NAME, value. Without the two injection paths, which the caller knows.
std::vector<std::pair<std::string, std::string>> environmentFor(const RecordOptions& options);
// Nothing when there is no folder, that is when the process was not started by `caracal record`.
// Values that cannot be read keep their default.
std::optional<RecordOptions> optionsFrom(const EnvironmentLookup& lookup);

// Whether GPU activity of a step is collected. Steps of one process, from 0.
bool collectsStep(const RecordOptions& options, int64_t step);

}  // namespace caracal::recorder
