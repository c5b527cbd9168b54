#include "core/recorder/launcher.h"

#include <charconv>
#include <cstring>

namespace caracal::recorder {
namespace {

struct LauncherVariables {
  const char* launcher;
  const char* rank;
  const char* worldSize;
  const char* localRank;
};

// `python -m torch.distributed.run` inside srun sets both families; the inner launcher counts.
// (torchrun: docs.pytorch.org/docs/stable/elastic/run.html; srun(1); Open MPI 4.1 FAQ "running".)
constexpr LauncherVariables kLaunchers[] = {
    {"torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK"},
    {"Slurm", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"},
    {"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"},
    {"PMI", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"},
    {"PMIx", "PMIX_RANK", nullptr, nullptr},
};

// -1 when the variable is not set or is no number.
int32_t numberIn(const EnvironmentLookup& lookup, const char* name) {
  const char* const text = name ? lookup(name) : nullptr;
  if (!text) return -1;
  int32_t number = -1;
  const char* const end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, number);
  return error == std::errc{} && stop == end && number >= 0 ? number : -1;
}

}  // namespace

Launch launchOf(const EnvironmentLookup& lookup) {
  for (const LauncherVariables& names : kLaunchers) {
    const int32_t rank = numberIn(lookup, names.rank);
    if (rank < 0) continue;
    return {names.launcher, rank, numberIn(lookup, names.worldSize),
            numberIn(lookup, names.localRank)};
  }
  return {};
}

}  // namespace caracal::recorder
