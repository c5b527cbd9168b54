// Tables of the parallel layout (docs/analysis.md, "Structure").
#pragma once

#include "core/analysis/tables.h"

namespace caracal::analysis {

Result<DataTable> structureTable(const TableRequest& request);
Result<DataTable> structureRanksTable(const TableRequest& request);

}  // namespace caracal::analysis
