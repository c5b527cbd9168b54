// How many seeds property tests take.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace caracal::test {

// As many as a quick run takes, or CARACAL_TEST_SEEDS.
inline uint64_t seedCount(uint64_t usual) {
  const char* const asked = std::getenv("CARACAL_TEST_SEEDS");
  return asked == nullptr ? usual : std::strtoull(asked, nullptr, 10);
}

}  // namespace caracal::test
