// A recording as it is asked for in the window, and the `caracal record` command that makes it; and
// whether this machine can record at all, for the command and the window alike.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/device/devices.h"
#include "core/recorder/options.h"

namespace caracal::runs {

struct RecordJob {
  std::string folder;
  uint32_t kinds = recorder::kDefaultKinds;
  std::string steps;                     // "10-13"; empty: all
  double seconds = 0;                    // after which each process stops recording; 0: at its end
  std::vector<std::string> environment;  // "NAME=value", for the command
  std::vector<std::string> command;
};

// The words of the command: `caracal` is the path of that program, `env` in front where the
// environment is changed. Fails in words where something is missing or cannot be read.
Result<std::vector<std::string>> recordCommand(const RecordJob& job, const std::string& caracal);

// The path of the recorder's library. kUnsupported: this build has none; kCannotAnswer: these kinds
// cannot be recorded on this machine, and why. `report` is what device::queryRecorder() said.
Result<std::string> usableRecorder(const Result<device::RecorderReport>& report, uint32_t kinds);

}  // namespace caracal::runs
