// A small trace file of the cache.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/trace/trace_builder.h"
#include "core/trace/trace_file.h"
#include "tests/fuzz/corpus.h"
#include "tests/fuzz/trace_promises.h"

namespace caracal::fuzz {
namespace {

using namespace trace;

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
  require(writeTraceFile(*std::move(builder).finish(), {{"run", 1}}, path.string()).has_value(),
          "a trace file can be written");
  std::ifstream in(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  std::filesystem::remove(path);
  return bytes;
}

}  // namespace

std::vector<std::string> corpus() {
  return {smallFile()};
}

}  // namespace caracal::fuzz
