// What reading a database takes at least: a loop of sqlite3_step.
#pragma once

#include <cstdint>
#include <string>

namespace caracal::bench {

// Steps through the tables and columns that the importer reads of an export or a recording, and
// nothing else. The number of rows; `sum` keeps the columns from being left out.
int64_t stepThrough(const std::string& path, int64_t& sum);

}  // namespace caracal::bench
