// Rank and world of a process from the variables of its launcher: torchrun, Slurm, Open MPI, PMI
// (MPICH, Intel MPI), PMIx, in this order. All numbers come from one launcher, never mixed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace caracal::recorder {

struct Launch {
  std::string launcher;  // "torchrun", "Slurm", ...; empty: started by hand
  int32_t rank = -1;
  int32_t worldSize = -1;  // -1: the launcher does not tell
  int32_t localRank = -1;
  bool operator==(const Launch&) const = default;
};

// The value of an environment variable, nullptr when it is not set.
using EnvironmentLookup = std::function<const char*(const char* name)>;

// A launcher counts when it names the rank. Safe inside an observed process: throws only for lack
// of memory.
Launch launchOf(const EnvironmentLookup& lookup);

}  // namespace caracal::recorder
