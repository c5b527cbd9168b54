// The objects "model" and "parallel" that profiles and plans share.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "core/base/json_reader.h"
#include "core/profile/profile.h"

namespace caracal::profile {

nlohmann::ordered_json shapeJson(const ModelShape& shape);
nlohmann::ordered_json shapeJson(const ParallelShape& shape);
ModelShape readModelShape(JsonNode node);
ParallelShape readParallelShape(JsonNode node);

}  // namespace caracal::profile
