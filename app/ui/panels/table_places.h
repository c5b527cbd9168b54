// Where a row of an analysis table is on the timeline.
#pragma once

#include <optional>

#include "core/analysis/data_table.h"
#include "core/analysis/prepared_run.h"

namespace caracal::ui {

// The event that a row is about: of a collective the call of the rank that came last, of rows with
// rank, start and name the event they name. kNoIndex: the row names none.
trace::EventIndex eventOfRow(const analysis::PreparedRun& run, const analysis::DataTable& table,
                             size_t row);

}  // namespace caracal::ui
