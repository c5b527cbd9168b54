// The figures that Holistic Trace Analysis defines, as tables (docs/analysis.md, "Tables").
#pragma once

#include "core/analysis/tables.h"

namespace caracal::analysis {

Result<DataTable> temporalBreakdownTable(const TableRequest& request);
Result<DataTable> overlapTable(const TableRequest& request);
Result<DataTable> kernelTypesTable(const TableRequest& request);
Result<DataTable> kernelTypesWithMemoryTable(const TableRequest& request);
Result<DataTable> kernelsTable(const TableRequest& request);
Result<DataTable> idleBreakdownTable(const TableRequest& request);
Result<DataTable> stragglersTable(const TableRequest& request);
Result<DataTable> queueLengthTable(const TableRequest& request);
Result<DataTable> launchesTable(const TableRequest& request);

}  // namespace caracal::analysis
