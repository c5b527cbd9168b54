// Any bytes as a recorder's log: the reader answers with a trace that keeps its promises, or with
// an error in words. Once as they are, and once with the checksums of all frames made right, so
// that records are reached. Built as a libFuzzer target with -DCARACAL_FUZZ=ON and clang; replayed
// with random changes by recorder_log_replay_test.cpp.
#include <cstring>
#include <span>

#include "core/base/checksum.h"
#include "core/import/importer.h"
#include "core/recorder/log_format.h"
#include "tests/fuzz/corpus.h"
#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/trace_promises.h"

namespace {

using namespace caracal;
using recorder::FileHeader;
using recorder::FrameHeader;

std::string withTrueChecksums(std::string bytes) {
  size_t at = sizeof(FileHeader);
  for (uint32_t sequence = 0; at + sizeof(FrameHeader) <= bytes.size(); ++sequence) {
    FrameHeader frame;
    std::memcpy(&frame, bytes.data() + at, sizeof frame);
    const size_t room = (bytes.size() - at - sizeof frame) & ~size_t{7};
    frame.magic = recorder::kFrameMagic;
    frame.sequence = sequence;
    frame.payloadBytes = static_cast<uint32_t>(frame.payloadBytes % (room + 8) & ~size_t{7});
    frame.checksum = 0;
    std::memcpy(bytes.data() + at, &frame, sizeof frame);
    const size_t size = sizeof frame + frame.payloadBytes;
    frame.checksum = checksum64(std::as_bytes(std::span(bytes).subspan(at, size)));
    std::memcpy(bytes.data() + at, &frame, sizeof frame);
    at += size;
  }
  return bytes;
}

void read(const std::string& bytes) {
  const fuzz::MemoryFile file(bytes.data(), bytes.size());
  const auto loaded = import::loadTraces({file.path()}, {.threads = 1});
  if (loaded) {
    fuzz::requireSoundTrace(*loaded->trace);
  } else {
    fuzz::require(!loaded.error().message.empty(), "an error says what happened");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  read(bytes);
  read(withTrueChecksums(bytes));
  return 0;
}
