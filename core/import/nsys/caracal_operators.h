// CARACAL_CPU_OP of a recording: operators, recomputations, collectives and transfers on their
// lanes.
#pragma once

#include "core/import/nsys/caracal_tables.h"

namespace caracal::import::nsys {

Result<void> readOperators(Reading& reading, const RecordedRanks& ranks);

}  // namespace caracal::import::nsys
