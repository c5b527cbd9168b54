// Runs the SQLite fuzz target on small files and on random changes of them.
#include <gtest/gtest.h>

#include <random>

#include "tests/fuzz/corpus.h"

namespace {

using caracal::fuzz::run;

// Bytes overwritten, a bit turned, or the end cut off; the magic stays, so that SQLite is asked.
void change(std::string& bytes, std::mt19937& random) {
  const size_t at = 16 + random() % (bytes.size() - 16);
  switch (random() % 8) {
    case 0:
      bytes.resize(at);
      bytes.resize(std::max<size_t>(at, 64), '\0');
      break;
    case 1:
    case 2:
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
      break;
    default:
      for (size_t i = at; i < std::min(bytes.size(), at + 1 + random() % 8); ++i)
        bytes[i] = static_cast<char>(random());
  }
}

void replay(const std::string& original, uint32_t seed, int rounds) {
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  run(original);
  for (int round = 0; round < rounds; ++round) {
    std::string bytes = original;
    const size_t changes = 1 + random() % 12;
    for (size_t i = 0; i < changes; ++i) change(bytes, random);
    run(bytes);
  }
}

TEST(NsysImportFuzz, changedExportsKeepTheirPromises) {
  replay(caracal::fuzz::corpus()[0], 20241117, 2000);
}

TEST(NsysImportFuzz, changedRecordingsKeepTheirPromises) {
  replay(caracal::fuzz::corpus()[1], 20241118, 1000);
}

}  // namespace
