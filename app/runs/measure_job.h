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
  bool processes = false;             // ranks are processes under mpirun, not threads
};

// The arguments of caracal-run. `profile` is what job.profile holds.
std::vector<std::string> runArguments(const MeasureJob& job, const profile::Profile& profile);

// The whole command, program first: caracal-run with these arguments, or mpirun that starts it
// once for each of `processes` ranks (0: no launcher). Fails where there is no mpirun.
Result<std::vector<std::string>> commandOf(const std::string& caracalRun,
                                           const std::vector<std::string>& arguments,
                                           int32_t processes = 0);
// Of a job, by the caracal-run of this machine.
Result<std::vector<std::string>> runCommand(const MeasureJob& job, const profile::Profile& profile);

// Runs such a command to its end. Fails with its own words when it fails, with
// kCancelled when it was stopped; `steps` is what it was asked for.
enum class AfterStop : uint8_t { kFinishStep, kEndAtOnce };
Result<void> train(const std::vector<std::string>& command, int steps, AfterStop afterStop,
                   const Watch& watch);

}  // namespace caracal::runs
