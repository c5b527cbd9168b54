// What a fuzz target and its replay share: each target comes with a corpus of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace caracal::fuzz {

// Small whole files of the target's format: what replays change, and what libFuzzer starts from.
std::vector<std::string> corpus();

// Gives the target these bytes, which ends the process when a promise is broken.
inline void run(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

}  // namespace caracal::fuzz
