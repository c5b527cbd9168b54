// Fills the folder that libFuzzer keeps its inputs in, the first one named on its command line,
// with the target's corpus.
#include <filesystem>
#include <fstream>

#include "tests/fuzz/corpus.h"

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
  for (int i = 1; i < *count; ++i) {
    const std::filesystem::path folder = (*arguments)[i];
    if (!std::filesystem::is_directory(folder)) continue;
    int number = 0;
    for (const std::string& seed : caracal::fuzz::corpus())
      std::ofstream(folder / ("seed-" + std::to_string(number++)), std::ios::binary) << seed;
    break;
  }
  return 0;
}
