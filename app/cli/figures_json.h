// A device's figures as JSON, with the field names that `analyze` promises.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "core/analysis/figures.h"

namespace caracal::cli {

nlohmann::ordered_json figuresJson(const analysis::DeviceFigures& row);      // times and overlap
nlohmann::ordered_json rankFiguresJson(const analysis::DeviceFigures& row);  // with rank and device

}  // namespace caracal::cli
