// Turns a recorder's log into a recording: one SQLite file a process, which core/import/nsys reads.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/recorder/clock_map.h"
#include "core/recorder/launcher.h"
#include "core/recorder/log_format.h"
#include "core/recorder/overhead.h"

namespace caracal::recorder {

// Where a recording's time 0 lies. Processes of one boot of one host share it, so that their times
// compare directly.
struct SessionClock {
  int64_t zeroNs = 0;      // on the recorder's clock
  int64_t utcEpochNs = 0;  // wall-clock time of that moment
  // Anchors of all processes of the boot, where times are to follow CLOCK_REALTIME; else empty.
  std::vector<ClockPoint> anchors{};
  bool operator==(const SessionClock&) const = default;
};

// What stands at the front of a log.
struct LogStart {
  FileHeader header{};
  std::map<std::string, std::string> facts;
  std::optional<SessionClock> clock;  // of the first anchor; nothing: killed before it was written
};
Result<LogStart> readLogStart(const std::string& path);

// The clock that every log of one boot gets: by boot id, the earliest of their first anchors.
std::map<std::string, SessionClock> sharedClocks(const std::vector<LogStart>& starts);

// Adds the anchors of these logs to the clocks of their boots, where there are several boots: the
// clocks of hosts drift, and their logs are put on CLOCK_REALTIME. `paths` beside `starts`. Logs
// that cannot be read add nothing.
void followRealtime(const std::vector<std::string>& paths, const std::vector<LogStart>& starts,
                    std::map<std::string, SessionClock>& clocks);

struct Conversion {
  int64_t pid = 0;
  std::string host;
  Launch launch;
  // Rows by table.
  int64_t kernels = 0, copies = 0, sets = 0, waits = 0, overheadRows = 0, apiCalls = 0, graphs = 0;
  int64_t ranges = 0, openRanges = 0;
  int64_t steps = 0, recordedSteps = 0;
  std::array<int64_t, kLossReasons> lost{};  // by LossReason
  LogState state = LogState::kOpen;
  bool reachedEnd = false;  // false: killed, or the disk was full
  int64_t frames = 0;       // whole ones
  int64_t lostBytes = 0;    // behind the last whole frame
  int64_t spanNs = 0;       // from the first to the last record
  int64_t writerCpuNs = 0;
  std::vector<std::string> warnings;
  std::optional<Overhead> overhead;

  int64_t events() const {
    return kernels + copies + sets + waits + overheadRows + apiCalls + graphs + ranges;
  }
  int64_t lostRecords() const;
};

const char* nameOf(LossReason reason);

// Writes `target` and removes nothing. The file appears whole or not at all. Without a clock the
// log's own first anchor is time 0.
Result<Conversion> convertLog(const std::string& log, const std::string& target,
                              const std::optional<SessionClock>& clock = std::nullopt);

}  // namespace caracal::recorder
