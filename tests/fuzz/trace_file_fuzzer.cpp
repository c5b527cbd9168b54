// Any bytes as a trace file of the cache: the reader answers with a trace all of whose indices
// point somewhere, or with an error in words. Once as they are, and once with all checksums made
// right, so that the checks behind them are reached. Built as a libFuzzer target with
// -DCARACAL_FUZZ=ON and clang; replayed with random changes by trace_file_replay_test.cpp.
#include <cstdint>
#include <cstring>
#include <vector>

#include "core/base/checksum.h"
#include "core/trace/trace_file.h"
#include "core/trace/trace_file_layout.h"
#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/trace_promises.h"

namespace {

using namespace caracal;
using trace::file::Header;
using trace::file::Section;

std::vector<std::byte> withTrueChecksums(std::vector<std::byte> bytes) {
  constexpr size_t kFront = sizeof(Header) + trace::file::kSections * sizeof(Section);
  if (bytes.size() < kFront) return bytes;
  for (size_t s = 0; s < trace::file::kSections; ++s) {
    std::byte* const at = bytes.data() + sizeof(Header) + s * sizeof(Section);
    Section section;
    std::memcpy(&section, at, sizeof(section));
    if (section.offset > bytes.size() || section.bytes > bytes.size() - section.offset) continue;
    section.checksum = checksum64(std::span(bytes).subspan(section.offset, section.bytes));
    std::memcpy(at, &section, sizeof(section));
  }
  Header header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  header.fileBytes = bytes.size();
  header.checksum = 0;
  std::memcpy(bytes.data(), &header, sizeof(header));
  header.checksum = checksum64(std::span(bytes).first(kFront));
  std::memcpy(bytes.data(), &header, sizeof(header));
  return bytes;
}

void read(const std::vector<std::byte>& bytes) {
  const fuzz::MemoryFile file(bytes.data(), bytes.size());
  const auto opened = trace::readTraceFile(file.path());
  if (opened) {
    fuzz::requireUsableTrace(*opened->trace);
  } else {
    fuzz::require(!opened.error().message.empty(), "an error says what happened");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* begin = reinterpret_cast<const std::byte*>(data);
  std::vector<std::byte> bytes(begin, begin + size);
  read(bytes);
  read(withTrueChecksums(std::move(bytes)));
  return 0;
}
