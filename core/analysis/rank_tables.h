// Tables that compare ranks: collectives, transfers, clocks (docs/analysis.md, "Tables").
#pragma once

#include "core/analysis/tables.h"

namespace caracal::analysis {

Result<DataTable> collectivesTable(const TableRequest& request);
Result<DataTable> collectiveCallsTable(const TableRequest& request);
Result<DataTable> clockTable(const TableRequest& request);

// "cannot tell: differences below 12.3 us", for one claim about two ranks.
std::string cannotTell(int64_t resolutionNs);
// How well the clocks fit, in a sentence; and why recordings are kept apart, a sentence each.
std::vector<std::string> clockSentences(const ClockModel& clocks);

}  // namespace caracal::analysis
