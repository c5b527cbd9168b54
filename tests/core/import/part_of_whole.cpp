#include "tests/core/import/part_of_whole.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/import/input/input_stream.h"
#include "tests/core/import/test_files.h"

namespace caracal::import {

using trace::Defect;

std::vector<std::string> contentOf(const trace::Trace& trace) {
  std::vector<std::string> lines;
  for (const trace::Rank& rank : trace.ranks())
    lines.push_back(fmt::format("rank {} device {} of {} records, resolution {}", rank.rank,
                                rank.device, rank.sourceRecords, rank.resolutionNs));
  for (const trace::ProcessGroup& group : trace.processGroups())
    lines.push_back(fmt::format("group {} of {}", group.name, group.size));
  const auto where = [&](trace::EventIndex e) {
    return e == trace::kNoIndex ? "-" : fmt::format("{} {}", trace.name(e), trace.beginNs(e));
  };
  for (const trace::Track& track : trace.tracks()) {
    lines.push_back(
        fmt::format("track {} of rank {}", track.label, trace.ranks()[track.rank].rank));
    for (auto e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
      const trace::EventArgs args = trace.args(e).value_or(trace::EventArgs{});
      lines.push_back(fmt::format("{} {} + {} by {} ({} {} {} to {} in {} #{})", where(e),
                                  name(trace.kind(e)), trace.durationNs(e), where(trace.launch(e)),
                                  args.bytes, args.step, name(args.collective), args.peer,
                                  args.group, args.sequence));
    }
  }
  for (const trace::Flow& flow : trace.flows())
    lines.push_back(where(flow.from) + " -> " + where(flow.to));
  lines.push_back(fmt::format("{} left out", trace.report().of(Defect::kLeftOutByRequest)));
  return lines;
}

void expectPartOfTheWhole(const std::vector<std::string>& paths, const trace::Selection& part) {
  const TemporaryFolder cache;
  const CacheOptions options{.folder = cache.path()};
  ASSERT_TRUE(loadTraces(paths, {.cache = options}));
  const auto cut = loadTraces(paths, {.selection = part, .cache = options});
  const auto read = loadTraces(paths, {.selection = part});
  ASSERT_TRUE(cut && read) << (cut ? read : cut).error().text();
  EXPECT_TRUE(cut->fromCache);
  EXPECT_EQ(contentOf(*read->trace), contentOf(*cut->trace)) << part.text();
}

void expectCutEarly(const std::string& path, const trace::Selection& part) {
  const auto head = readHead(path, 64 << 10);
  ASSERT_TRUE(head);
  for (const auto& importer : importers()) {
    if (!importer->accepts(path, *head)) continue;
    const auto whole = importer->read(path, {}, {}, {});
    const auto cut = importer->read(path, {.selection = part}, {}, {});
    ASSERT_TRUE(whole && cut);
    EXPECT_LT(cut->eventCount(), whole->eventCount()) << importer->format();
    return;
  }
  ADD_FAILURE() << "nobody reads " << path;
}

}  // namespace caracal::import
