// Any bytes as a Chrome-trace file: the reader answers with a trace that keeps its promises, or
// with an error in words. Built as a libFuzzer target with -DCARACAL_FUZZ=ON and clang; replayed on
// a corpus with random changes by json_import_replay_test.cpp in every build.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/import/importer.h"

namespace {

using namespace caracal;

void require(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

// A file that exists in memory only.
class MemoryFile {
 public:
  MemoryFile(const uint8_t* data, size_t size) : m_fd(::memfd_create("fuzz", 0)) {
    require(m_fd >= 0 && ::write(m_fd, data, size) == static_cast<ssize_t>(size),
            "memory for the input");
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(m_fd); }
  std::string path() const { return "/proc/self/fd/" + std::to_string(m_fd); }

 private:
  int m_fd;
};

void checkTrace(const trace::Trace& trace) {
  require(!trace.ranks().empty(), "a loaded file has a rank");
  for (const trace::Track& track : trace.tracks()) {
    require(track.rank < trace.ranks().size(), "a track belongs to a rank");
    for (trace::EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
      require(trace.durationNs(e) >= 0, "no event ends before it begins");
      require(e == track.firstEvent || trace.beginNs(e - 1) <= trace.beginNs(e),
              "events are sorted by begin");
      require(trace.nameId(e) < trace.names().size(), "every name is interned");
      if (const trace::EventArgs* args = trace.args(e);
          args != nullptr && args->group != trace::kNoIndex) {
        require(args->group < trace.processGroups().size(), "a collective's group exists");
      }
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const MemoryFile file(data, size);
  const auto loaded = import::loadTraces({file.path()}, {.threads = 1});
  if (loaded) {
    checkTrace(*loaded->trace);
  } else {
    require(!loaded.error().message.empty(), "an error says what happened");
  }
  return 0;
}
