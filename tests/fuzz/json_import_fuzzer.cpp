// Any bytes as a Chrome-trace file: the reader answers with a trace that keeps its promises, or
// with an error in words. Built as a libFuzzer target with -DCARACAL_FUZZ=ON and clang; replayed on
// a corpus with random changes by json_import_replay_test.cpp in every build.
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/import/importer.h"
#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/trace_promises.h"

using namespace caracal;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const fuzz::MemoryFile file(data, size);
  const auto loaded = import::loadTraces({file.path()}, {.threads = 1});
  if (loaded) {
    fuzz::requireSoundTrace(*loaded->trace);
  } else {
    fuzz::require(!loaded.error().message.empty(), "an error says what happened");
  }
  return 0;
}
