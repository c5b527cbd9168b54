// Numbers of trace files from their decimal text to integers, exactly: never through a double,
// which loses a quarter of a microsecond at epoch microseconds with decimals and every id above
// 2^53.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace caracal::import::chrome {

// value * 10^shift, rounded half up (towards plus infinity) from the decimal text ("12.3456",
// "1e6"). Nothing when the text is no number or the result does not fit.
std::optional<int64_t> scaledDecimal(std::string_view text, int shift);

// Microseconds, as `ts` and `dur` are written, to nanoseconds.
inline std::optional<int64_t> nanosecondsOfMicroseconds(std::string_view text) {
  return scaledDecimal(text, 3);
}

// A whole number; "0x1f" is understood, as some tools write ids so. Numbers from 2^63 to 2^64 - 1
// are ids and keep their bits in the unsigned form.
std::optional<int64_t> signedInteger(std::string_view text);
std::optional<uint64_t> unsignedInteger(std::string_view text);

}  // namespace caracal::import::chrome
