// A profile as an ordered JSON document. Part of profile_json.cpp, which reads it back.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "core/profile/profile.h"

namespace caracal::profile {

nlohmann::ordered_json documentOf(const Profile& profile);

}  // namespace caracal::profile
