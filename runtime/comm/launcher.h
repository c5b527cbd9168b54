// Which rank this process is, as told by the program that started it: torchrun, Open MPI's mpirun,
// MPICH's mpirun or srun. All numbers come from one of them; without any, the process is alone.
//
// The launcher that is nearest to the process is believed: a job script of Slurm that calls mpirun
// hands its own SLURM_PROCID to every rank, so srun is asked last, and only for what it sets for
// job steps.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace caracal::comm {

enum class Launcher : uint8_t { kNone, kTorchrun, kOpenMpi, kMpich, kSlurm };
std::string_view name(Launcher launcher);  // "torchrun", "mpirun (Open MPI)", ...

struct LaunchedRank {
  Launcher source = Launcher::kNone;
  int32_t rank = 0, world = 1;
  int32_t localRank = 0;              // on this machine
  std::string address = "localhost";  // of rank 0
  int32_t port = 0;                   // that rank 0 listens on
  std::string jobId;                  // equal on all ranks of a job; may be empty

  // "rank 3 of 8 (local rank 1) by srun, rank 0 at gpu003:23456": printed once a run.
  std::string text() const;
};

// The environment as a function of a variable's name; nothing: not set.
using Environment = std::function<std::optional<std::string>(const char* name)>;
Environment processEnvironment();

// Fails, naming the variable, when one of the launcher's is missing or is not a number in range,
// and when there are several machines and none of them is named as rank 0's.
Result<LaunchedRank> launchedRank(const Environment& environment);

// The first of a Slurm list of hosts: "gpu[003-005,7],login" is gpu003.
std::string firstHost(const std::string& hostList);

}  // namespace caracal::comm
