// The real exports of ../shared/traces against the independent figures of its truth.json.
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/intervals.h"
#include "tests/core/import/nsys_fixture.h"

namespace caracal::import {
namespace {

using nlohmann::json;
using trace::Defect;
using trace::EventIndex;
using trace::EventKind;
using trace::Trace;

json truthOf(const std::string& folder) {
  std::ifstream file(folder + "/truth.json");
  return json::parse(file)["files"];
}

// What truth.json says about a device, from the trace.
json figuresOf(const Trace& trace, uint32_t rank) {
  const int64_t shift = std::stoll(trace.metaOr("timeShiftNs", "0"));
  json figures{{"gpu_ops", 0}, {"kernels", 0}, {"graphs", 0}, {"memcpy", 0}, {"memset", 0}};
  std::vector<Span> work, kernels;
  int64_t first = std::numeric_limits<int64_t>::max(), last = std::numeric_limits<int64_t>::min(),
          sum = 0;
  std::map<std::string, int> streams;
  for (EventIndex e = 0; e < trace.eventCount(); ++e) {
    if (trackOf(trace, e).rank != rank || !trace::isGpuWork(trace.kind(e))) continue;
    const Span span{trace.beginNs(e) - shift, trace.endNs(e) - shift};
    figures["gpu_ops"] = figures["gpu_ops"].get<int>() + 1;
    constexpr std::array<const char*, 4> kKeys{"kernels", "memcpy", "memset", "graphs"};
    json& count = figures[kKeys[static_cast<size_t>(trace.kind(e))]];
    count = count.get<int>() + 1;
    if (trace.kind(e) == EventKind::kKernel) {
      kernels.push_back(span);
      sum += span.lengthNs();
    }
    work.push_back(span);
    first = std::min(first, span.beginNs);
    last = std::max(last, span.endNs);
    ++streams[std::to_string(trackOf(trace, e).id)];
  }
  figures["first_ns"] = first;
  figures["last_ns"] = last;
  figures["busy_ns"] = SpanSet(work).lengthNs();
  figures["kernel_busy_ns"] = SpanSet(kernels).lengthNs();
  figures["kernel_sum_ns"] = sum;
  figures["streams"] = streams;
  return figures;
}

json linkedKernels(const Trace& trace) {
  int linked = 0;
  for (EventIndex e = 0; e < trace.eventCount(); ++e) {
    if (trace.kind(e) == EventKind::kKernel && trace.launch(e) != trace::kNoIndex) ++linked;
  }
  return linked;
}

// Ranges and marks by domain 0 and others: domains have lanes with their name in brackets.
json nvtxByDomain(const Trace& trace) {
  std::map<std::string, int> domains;
  for (EventIndex e = 0; e < trace.eventCount(); ++e) {
    if (trace.kind(e) != EventKind::kAnnotation && trace.kind(e) != EventKind::kInstant) continue;
    ++domains[trackOf(trace, e).label.find('[') == std::string::npos ? "0" : "1"];
  }
  return domains;
}

int ofType(const json& nvtx, const char* type) {
  return nvtx["by_event_type"].value(type, 0);
}

void checkNvtx(const Trace& trace, const json& nvtx) {
  EXPECT_EQ(nvtxByDomain(trace), nvtx["range_or_mark_by_domain"]);
  EXPECT_EQ(eventsOf(trace, EventKind::kAnnotation).size(),
            static_cast<size_t>(ofType(nvtx, "59") + ofType(nvtx, "60")));
  EXPECT_EQ(eventsOf(trace, EventKind::kInstant).size(), static_cast<size_t>(ofType(nvtx, "34")));
  EXPECT_EQ(trace.report().of(Defect::kOpenRange), nvtx["ranges_without_end"].get<int64_t>());
  for (const auto& name : nvtx["domain_names"]) {
    const auto& tracks = trace.tracks();
    EXPECT_TRUE(std::any_of(tracks.begin(), tracks.end(), [&](const trace::Track& track) {
      return track.label.find("[" + name.get<std::string>() + "]") != std::string::npos;
    })) << name;
  }
}

void checkFile(const std::string& path, const json& truth) {
  const auto loaded = loadTraces({path});
  ASSERT_TRUE(loaded) << loaded.error().text();
  const Trace& trace = *loaded->trace;
  std::set<std::string> devices;
  for (uint32_t r = 0; r < trace.ranks().size(); ++r) {
    const std::string& key = trace.ranks()[r].deviceKey;
    devices.insert(key);
    ASSERT_TRUE(truth["devices"].contains(key)) << key;
    const json figures = figuresOf(trace, r);
    for (const auto& [name, value] : figures.items())
      EXPECT_EQ(value, truth["devices"][key][name]) << key << ' ' << name;
    EXPECT_EQ(trace.ranks()[r].rank, static_cast<int32_t>(r));
  }
  EXPECT_EQ(devices.size(), truth["devices"].size());
  EXPECT_EQ(eventsOf(trace, EventKind::kKernel).size(), truth["kernels"].get<size_t>());
  EXPECT_EQ(linkedKernels(trace), truth.value("kernels_with_runtime", 0));
  const auto rows = [&](const char* table) { return truth["rows"].value(table, size_t{0}); };
  EXPECT_EQ(eventsOf(trace, EventKind::kRuntime).size(), rows("CUPTI_ACTIVITY_KIND_RUNTIME"));
  EXPECT_EQ(eventsOf(trace, EventKind::kSync).size(), rows("CUPTI_ACTIVITY_KIND_SYNCHRONIZATION"));
  EXPECT_EQ(eventsOf(trace, EventKind::kOverhead).size(),
            rows("CUPTI_ACTIVITY_KIND_OVERHEAD") + rows("PROFILER_OVERHEAD"));
  if (truth.contains("nvtx")) checkNvtx(trace, truth["nvtx"]);
}

TEST(NsysTruth, everySharedExportLoadsWithItsFigures) {
  const std::string folder = sharedTraces();
  if (folder.empty())
    GTEST_SKIP() << "shared traces are not here: no ../shared/traces beside the source folder";
  const json all = truthOf(folder);
  int files = 0;
  for (const auto& [name, truth] : all.items()) {
    if (truth["format"] != "nsys-sqlite" || truth.contains("error") || truth["devices"].empty())
      continue;
    SCOPED_TRACE(name);
    checkFile(folder + "/" + name, truth);
    ++files;
  }
  EXPECT_GE(files, 12) << "truth.json names fewer exports than expected";
}

Defect expectedDefect(const std::string& name) {
  if (name.find("no_runtime_table") != std::string::npos) return Defect::kMissingTable;
  if (name.find("reversed_interval") != std::string::npos) return Defect::kNegativeDuration;
  return Defect::kUnresolvedNameId;
}

TEST(NsysTruth, everyDamagedExportIsCountedOrRefused) {
  const std::string folder = sharedTraces();
  if (folder.empty())
    GTEST_SKIP() << "shared traces are not here: no ../shared/traces beside the source folder";
  for (const char* const name :
       {"no_string_ids", "unknown_name_ids", "no_runtime_table", "reversed_interval"}) {
    const auto loaded = loadTraces({fmt::format("{}/edge-derived/{}.sqlite", folder, name)});
    ASSERT_TRUE(loaded) << loaded.error().text();
    EXPECT_GT(loaded->trace->report().of(expectedDefect(name)), 0) << name;
  }
  for (const auto& [name, words] :
       std::map<std::string, std::string>{{"truncated", "cut short"},
                                          {"not_a_database", "not an SQLite database"},
                                          {"zero_bytes", "empty"}}) {
    const auto loaded = loadTraces({folder + "/edge-derived/" + name + ".sqlite"});
    ASSERT_FALSE(loaded) << name;
    EXPECT_THAT(loaded.error().text(), testing::HasSubstr(words));
    EXPECT_THAT(loaded.error().text(), testing::HasSubstr(name + ".sqlite"));
  }
}

TEST(NsysTruth, twoNodesWithNormalizedClocksOverlap) {
  const std::string folder = sharedTraces();
  if (folder.empty())
    GTEST_SKIP() << "shared traces are not here: no ../shared/traces beside the source folder";
  const auto loaded = loadTraces({folder + "/nsys-nccl-2nodes-rtx3090"});
  ASSERT_TRUE(loaded) << loaded.error().text();
  const Trace& trace = *loaded->trace;
  ASSERT_EQ(trace.ranks().size(), 2u);
  EXPECT_EQ(trace.ranks()[0].host, "ault43.cscs.ch");
  EXPECT_EQ(trace.ranks()[1].host, "ault44.cscs.ch");
  EXPECT_EQ(trace.ranks()[0].deviceName, "NVIDIA GeForce RTX 3090");
  EXPECT_EQ(trace.report().of(Defect::kDuplicateRank), 0);
  std::vector<Span> allReduce;
  for (EventIndex e = 0; e < trace.eventCount(); ++e) {
    if (trace.kind(e) == EventKind::kKernel) allReduce.push_back(trace.span(e));
  }
  ASSERT_EQ(allReduce.size(), 2u);
  EXPECT_LT(std::abs(allReduce[0].endNs - allReduce[1].endNs), 10'000'000)
      << "the clocks differ by more than 10 ms";
}

}  // namespace
}  // namespace caracal::import
