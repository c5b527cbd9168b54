// Runs the trace-file fuzz target on a small file and on random changes of it.
#include <gtest/gtest.h>

#include <random>

#include "core/trace/trace_file_layout.h"
#include "tests/fuzz/corpus.h"

namespace caracal::trace {
namespace {

using fuzz::run;

std::string smallFile() {
  return fuzz::corpus().front();
}

TEST(TraceFileFuzz, theFileKeepsItsPromises) {
  run(smallFile());
}

TEST(TraceFileFuzz, everyCutKeepsItsPromises) {
  const std::string whole = smallFile();
  for (size_t size = 0; size < whole.size(); size += 1 + size / 16) run(whole.substr(0, size));
}

TEST(TraceFileFuzz, changedFilesKeepTheirPromises) {
  const std::string whole = smallFile();
  const uint32_t seed = 20261121;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = whole;
    for (size_t changes = 1 + random() % 4; changes > 0; --changes) {
      // Most often in the header and the section table, where a byte decides most.
      const size_t front = sizeof(file::Header) + file::kSections * sizeof(file::Section);
      const size_t at = random() % (random() % 2 == 0 ? front : bytes.size());
      bytes[at] =
          random() % 2 == 0 ? static_cast<char>(random()) : static_cast<char>(bytes[at] + 1);
    }
    run(bytes);
  }
}

}  // namespace
}  // namespace caracal::trace
