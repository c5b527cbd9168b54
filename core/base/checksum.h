// XXH64, the 64-bit hash of Yann Collet's xxHash (specification: github.com/Cyan4973/xxHash,
// doc/xxhash_spec.md), with seed 0: fast enough to check gigabytes while a file opens. It finds
// damage; it is no protection against somebody who makes two contents look alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace caracal {

uint64_t checksum64(std::span<const std::byte> bytes);

}  // namespace caracal
