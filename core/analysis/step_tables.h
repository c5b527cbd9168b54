// Tables of steps, idle causes and memory (docs/analysis.md, "Tables").
#pragma once

#include "core/analysis/tables.h"

namespace caracal::analysis {

Result<DataTable> idleCausesTable(const TableRequest& request);
Result<DataTable> memoryTable(const TableRequest& request);
Result<DataTable> memoryPeaksTable(const TableRequest& request);

}  // namespace caracal::analysis
