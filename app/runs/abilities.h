// What this machine's caracal-run can do: which backends, and ranks as threads only or as
// processes too.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace caracal::runs {

struct RunAbilities {
  std::string whyNoCuda;          // empty: plans can run on a GPU
  std::vector<std::string> gpus;  // their names
  std::string whyNoProcesses;     // empty: ranks can be processes under mpirun
  bool operator==(const RunAbilities&) const = default;
};

// Asks caracal-run, and looks for mpirun. Fails where there is no caracal-run that answers.
Result<RunAbilities> askAbilities(std::stop_token stop);

// A line of `caracal-run --abilities` (docs/caracal-run.md); nothing: another line.
std::optional<RunAbilities> parseAbilities(std::string_view line);

}  // namespace caracal::runs
