// Any bytes as a Chrome-trace file: the reader answers with a trace that keeps its promises, or
// with an error in words. Built as a libFuzzer target with -DCARACAL_FUZZ=ON and clang; replayed on
// a corpus with random changes by json_import_replay_test.cpp in every build.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/import/importer.h"
#include "tests/fuzz/trace_promises.h"

namespace {

using namespace caracal;

// A file that exists in memory only.
class MemoryFile {
 public:
  MemoryFile(const uint8_t* data, size_t size) : m_fd(::memfd_create("fuzz", 0)) {
    fuzz::require(m_fd >= 0 && ::write(m_fd, data, size) == static_cast<ssize_t>(size),
                  "memory for the input");
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(m_fd); }
  std::string path() const { return "/proc/self/fd/" + std::to_string(m_fd); }

 private:
  int m_fd;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const MemoryFile file(data, size);
  const auto loaded = import::loadTraces({file.path()}, {.threads = 1});
  if (loaded) {
    fuzz::requireSoundTrace(*loaded->trace);
  } else {
    fuzz::require(!loaded.error().message.empty(), "an error says what happened");
  }
  return 0;
}
