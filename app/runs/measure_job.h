// A measurement as it is asked for, by `caracal measure` and by the measure panel alike, and the
// command that carries it out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/runs/watch.h"
#include "core/base/result.h"
#include "core/profile/profile.h"

namespace caracal::runs {

struct MeasureJob {
  std::string profile;  // paths
  std::string plan;
  std::string recording;  // to write
  std::string clock;      // "wall", "virtual"; empty: the program's choice
  int steps = 5;
  // None: the profile's link, so that prediction and run speak of one machine.
  std::optional<profile::Link> tensorLink, pipelineLink, dataLink;
  std::string backend = {};           // "cpu", "cuda"; empty: the program's choice
  bool distributedOptimizer = false;  // of the run that the profile is from, and of this one
};

// The arguments of caracal-run. `profile` is what job.profile holds.
std::vector<std::string> runArguments(const MeasureJob& job, const profile::Profile& profile);

// Runs caracal-run to its end with these arguments. Fails with its own words when it fails, with
// kCancelled when it was stopped; `steps` is what it was asked for.
enum class AfterStop : uint8_t { kFinishStep, kEndAtOnce };
Result<void> train(const std::vector<std::string>& arguments, int steps, AfterStop afterStop,
                   const Watch& watch);

}  // namespace caracal::runs
