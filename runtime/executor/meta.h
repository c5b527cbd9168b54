// Facts of a run that go into its recording beside the rows.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/recording/recording.h"
#include "runtime/executor/run.h"

namespace caracal::executor {

// Whether every figure of the run is measured, or rests on a virtual clock or emulated links.
trace::Tag tagOf(const Job& job, const RunOptions& options);

// The meta table: clock, tag, hashes, sizes, links, memory (docs/trace-conventions.md).
std::map<std::string, std::string> metaOf(const Job& job, const RunOptions& options,
                                          std::string_view textName);
std::vector<recording::RankRow> rankRowsOf(const profile::ParallelShape& parallel);

// Fails when a stage would need more than the plan's budget; what it says is exact.
Result<void> checkBudgets(const Job& job);

// Fails when the ranks of the job together need more memory than this machine has.
Result<void> checkMemory(const Job& job);

}  // namespace caracal::executor
