// Calibration of the machine this runs on: two short runs of caracal-run, and the constants of the
// hardware that they show.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "app/runs/watch.h"
#include "core/base/result.h"
#include "core/profile/calibration.h"

namespace caracal::runs {

struct CalibrationRequest {
  std::string folder;              // for the two recordings and what leads to them
  std::string model = "demo-gpt";  // a path or a shipped name
  std::string clock;               // "wall", "virtual"; empty: the program's choice
  int steps = 5;                   // of each run, at least 2
  std::string backend = {};        // as in MeasureJob
};

// A run that keeps everything, and one that recomputes everything that fits beside collectives: the
// first shows operators and transfers alone, the second beside each other. A stop request ends them
// at once. Returns the two recordings.
Result<std::vector<std::string>> recordForCalibration(const CalibrationRequest& request,
                                                      const Watch& watch);

Result<profile::Calibration> calibrateFrom(std::span<const std::string> recordings,
                                           const Watch& watch);

}  // namespace caracal::runs
