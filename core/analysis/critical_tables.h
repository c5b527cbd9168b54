// Tables of the critical path (docs/analysis.md, "Critical path").
#pragma once

#include "core/analysis/tables.h"
#include "core/analysis/work_kinds.h"

namespace caracal::analysis {

Result<DataTable> criticalPathTable(const TableRequest& request);
Result<DataTable> criticalKindsTable(const TableRequest& request);
Result<DataTable> slackTable(const TableRequest& request);

// What the whole would take if all work of one kind were faster.
struct WhatIf {
  WorkKind kind = WorkKind::kGemm;
  double speedup = 1;  // > 0; 2: takes half the time
};
// "send-recv=2x"; kInvalidInput names the kinds.
Result<WhatIf> parseWhatIf(std::string_view text);
// One row a question: before, after, change. Differences that clocks cannot tell are left empty.
Result<DataTable> whatIfTable(const TableRequest& request, const std::vector<WhatIf>& questions);

}  // namespace caracal::analysis
