// Integers in as few bits as their spread needs, one behind the other in 64-bit words, least
// significant bits first. What the columns of a Trace and the pages of a TraceBuilder are made of.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

namespace caracal::trace {

static_assert(std::endian::native == std::endian::little, "bits are read as little-endian words");

// A value is read with one load of 64 bits from the byte it begins in, which holds 57 bits of it:
// widths are 0 to 56, or 64. The load may go one word beyond the last value.
constexpr unsigned packedWidth(uint64_t largest) {
  const auto bits = static_cast<unsigned>(std::bit_width(largest));
  return bits <= 56 ? bits : 64;
}
constexpr size_t packedWords(size_t values, unsigned width) {
  return (values * width + 63) / 64;
}
constexpr uint64_t packedMask(unsigned width) {
  return width == 0 ? 0 : ~uint64_t{0} >> (64 - width);
}

// Writes values - base into words[0, packedWords()), which are zero before. REQUIRES base <= every
// value, and that the differences fit the width.
inline void packBits(std::span<const int64_t> values, int64_t base, unsigned width,
                     uint64_t* words) {
  if (width == 0) return;
  for (size_t i = 0; i < values.size(); ++i) {
    const uint64_t difference = static_cast<uint64_t>(values[i]) - static_cast<uint64_t>(base);
    const size_t bit = i * width;
    const unsigned shift = bit & 63;
    words[bit / 64] |= difference << shift;
    if (shift + width > 64) words[bit / 64 + 1] |= difference >> (64 - shift);
  }
}

// Value i of those that `words` hold.
inline int64_t unpackBits(const uint64_t* words, size_t i, int64_t base, unsigned width) {
  const uint64_t bit = i * width;
  uint64_t word;
  std::memcpy(&word, reinterpret_cast<const char*>(words) + (bit >> 3), sizeof(word));
  return static_cast<int64_t>(static_cast<uint64_t>(base) +
                              ((word >> (bit & 7)) & packedMask(width)));
}

}  // namespace caracal::trace
