// Runs the JSON fuzz target on a small corpus and on random changes of it.
#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/corpus.h"

namespace {

using caracal::fuzz::run;

const std::vector<std::string>& corpus() {
  static const std::vector<std::string> kCorpus = caracal::fuzz::corpus();
  return kCorpus;
}

// One change: a byte, a piece cut out, a piece twice, a piece of another file, or a piece of
// syntax.
void change(std::string& bytes, std::mt19937& random) {
  static const char* kTokens[] = {"\"",
                                  "\\",
                                  "{",
                                  "}",
                                  "[",
                                  "]",
                                  ",",
                                  ":",
                                  "null",
                                  "NaN",
                                  "1e400",
                                  "-9223372036854775808",
                                  "18446744073709551616",
                                  "\xEF\xBB\xBF",
                                  "\xFF",
                                  "\\ud800",
                                  "\n",
                                  "\"ts\":",
                                  "\"ph\":\"E\""};
  const auto below = [&](size_t limit) { return limit == 0 ? 0 : random() % limit; };
  const size_t at = below(bytes.size());
  const size_t length = std::min(bytes.size() - at, below(40));
  switch (random() % 5) {
    case 0:
      if (!bytes.empty()) bytes[at] = static_cast<char>(random());
      break;
    case 1:
      bytes.erase(at, length);
      break;
    case 2:
      bytes.insert(below(bytes.size()), bytes.substr(at, length));
      break;
    case 3: {
      const std::string& other = corpus()[below(corpus().size())];
      bytes.insert(at, other.substr(below(other.size()), below(200)));
      break;
    }
    default:
      bytes.insert(at, kTokens[below(std::size(kTokens))]);
  }
}

TEST(JsonImportFuzz, theCorpusKeepsItsPromises) {
  for (const std::string& file : corpus()) run(file);
}

TEST(JsonImportFuzz, changedFilesKeepTheirPromises) {
  const uint32_t seed = 20240917;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = corpus()[static_cast<size_t>(round) % corpus().size()];
    const size_t changes = 1 + random() % 6;
    for (size_t i = 0; i < changes; ++i) change(bytes, random);
    run(bytes);
  }
}

}  // namespace
