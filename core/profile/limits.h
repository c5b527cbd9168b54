// What a profile may say at most: far beyond any job, and small enough that no sum of a step's
// times or bytes leaves 64 bits.
#pragma once

#include <cstdint>

#include "core/base/result.h"
#include "core/profile/profile.h"

namespace caracal::profile {

inline constexpr int64_t kMostNs = 3'600'000'000'000;    // of one operator or transfer: an hour
inline constexpr int64_t kMostBytes = int64_t{1} << 50;  // of one tensor or part of the model
inline constexpr int64_t kMostRanks = int64_t{1} << 30;  // of the job
inline constexpr int32_t kMostMicroBatches = 1 << 24;    // a step
inline constexpr int32_t kMostLayers = 1 << 16;          // of the model
inline constexpr size_t kMostOperators = 1024;           // of a layer or model end
inline constexpr size_t kMostWindows = 64;               // of a layer
inline constexpr double kMostSlowdown = 100;             // kappa and rho
inline constexpr double kLeastBytesPerSecond = 1;        // of a link that is known
inline constexpr double kMostStepNs = 3.2e16;            // all work of a step: a year
inline constexpr double kMostStepBytes = 1152921504606846976.0;  // 2^60: all tensors of a step

// Both fail with the place of the first figure that is negative or larger.
Result<void> checkLimits(const LayerKind& kind, const std::string& where);
// REQUIRES kinds that were checked, and `layers` that name them.
Result<void> checkLimits(const Profile& profile);

}  // namespace caracal::profile
