// Runs the recorder-log fuzz target on a small log and on random changes of it.
#include <gtest/gtest.h>

#include <random>

#include "core/recorder/log_format.h"
#include "tests/fuzz/corpus.h"

namespace {

using caracal::fuzz::run;

std::string smallLog() {
  return caracal::fuzz::corpus().front();
}

TEST(RecorderLogFuzz, theLogKeepsItsPromises) {
  run(smallLog());
}

TEST(RecorderLogFuzz, everyCutKeepsItsPromises) {
  const std::string whole = smallLog();
  for (size_t size = 0; size < whole.size(); size += 1 + size / 16) run(whole.substr(0, size));
}

TEST(RecorderLogFuzz, changedLogsKeepTheirPromises) {
  const std::string whole = smallLog();
  const uint32_t seed = 20261122;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    std::string bytes = whole;
    for (size_t changes = 1 + random() % 4; changes > 0; --changes) {
      const size_t front = sizeof(caracal::recorder::FileHeader);
      bytes[front + random() % (bytes.size() - front)] = static_cast<char>(random());
    }
    run(bytes);
  }
}

}  // namespace
