// Any bytes as an SQLite export or recording: the reader answers with a trace that keeps its
// promises, or with an error in words. Built as a libFuzzer target with -DCARACAL_FUZZ=ON and
// clang; replayed on changed files by nsys_import_replay_test.cpp in every build.
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "core/import/importer.h"
#include "tests/fuzz/trace_promises.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace caracal;
  // SQLite wants a name that leads to the file, which a memory file does not have.
  const std::string path = (std::filesystem::temp_directory_path() /
                            ("caracal-fuzz-" + std::to_string(getpid()) + ".sqlite"))
                               .string();
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  const auto loaded = import::loadTraces({path}, {.threads = 1});
  if (loaded) {
    fuzz::requireSoundTrace(*loaded->trace);
  } else {
    fuzz::require(!loaded.error().message.empty(), "an error says what happened");
  }
  for (const char* const suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
  return 0;
}
