// Values of a tensor as they travel: fp32 as it lies in memory; all processes of a run are on one
// machine.
#pragma once

#include <cstddef>
#include <span>

namespace caracal::comm {

// REQUIRES bytes that were floats, aligned as floats are.
inline std::span<const float> floatsOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
}

}  // namespace caracal::comm
