// The profile document "caracal.profile/1": text in, Profile out, and back.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/profile/profile.h"

namespace caracal::profile {

inline constexpr std::string_view kProfileSchema = "caracal.profile/1";

std::string toJson(const Profile& profile);
// Refuses unknown versions by name, missing and wrong fields by path
// ("kinds[0].operators[3].forwardNs").
Result<Profile> profileFromJson(std::string_view text);
Result<Profile> loadProfile(const std::string& path);
Result<void> saveProfile(const Profile& profile,
                         const std::string& path);  // atomic: temporary + rename

// Checks what the types cannot: ids unique, inputs known and earlier, savedFor known, layers in
// range, times and bytes not negative, sizes positive.
Result<void> validate(const Profile& profile);
Result<void> validate(const LayerKind& kind);

// 16 hex digits over the canonical JSON without "name" and "source"; names a profile in plans and
// recordings.
std::string hashOf(const Profile& profile);

}  // namespace caracal::profile
