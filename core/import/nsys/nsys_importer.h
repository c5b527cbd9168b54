// Nsight Systems SQLite exports (schema 2.9 to 3.25) and Caracal recordings, which use the same
// tables (docs/recording-format.md). Tables and columns come and go between versions: what is there
// is read, what is missing is counted. A damaged table ends early, counted; a file without a single
// event is refused.
#pragma once

#include <memory>

#include "core/import/importer.h"

namespace caracal::import::nsys {

std::unique_ptr<Importer> makeNsysImporter();

}  // namespace caracal::import::nsys
