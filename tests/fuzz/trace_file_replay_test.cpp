// Runs the trace-file fuzz target on a small file and on random changes of it.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "core/trace/trace_builder.h"
#include "core/trace/trace_file.h"
#include "core/trace/trace_file_layout.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace caracal::trace {
namespace {

// A file with something in every section.
std::string smallFile() {
  TraceBuilder builder;
  const uint32_t rank = builder.addRank({.rank = 4, .file = "rank4.json"});
  const TrackIndex host = builder.addTrack({.kind = TrackKind::kCpuThread, .rank = rank});
  const TrackIndex stream = builder.addTrack({.kind = TrackKind::kGpuStream, .rank = rank});
  const uint32_t group = builder.addGroup({.name = "tp", .ranks = {0, 4}, .size = 2});
  std::vector<EventIndex> calls;
  for (int64_t i = 0; i < 300; ++i) {
    const auto id = static_cast<uint64_t>(i) + 1;
    calls.push_back(
        builder.add({host, EventKind::kRuntime, builder.intern("launch"), i * 100, 7, id}));
    builder.add({stream, EventKind::kKernel, builder.intern("k" + std::to_string(i % 5)),
                 i * 100 + 50, i % 90, id},
                {.bytes = i, .group = group, .collective = CollectiveKind::kAllReduce});
  }
  builder.addFlow(calls[0], calls[1], FlowKind::kForwardBackward);
  builder.addCounter({"memory", "bytes", rank, 0, {1, 2}, {10, 20}});
  builder.report().count(Defect::kBadNumber);
  const auto path =
      std::filesystem::temp_directory_path() / ("trace-file-replay-" + std::to_string(::getpid()));
  EXPECT_TRUE(writeTraceFile(*std::move(builder).finish(), {{"run", 1}}, path.string()));
  std::ifstream in(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  std::filesystem::remove(path);
  return bytes;
}

void run(const std::string& bytes) {
  EXPECT_EQ(LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()),
            0);
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
