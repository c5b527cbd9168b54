// Every Chrome-trace file of the shared real traces against figures that another program computed.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/analysis/comm_names.h"
#include "core/import/importer.h"
#include "tests/core/import/test_files.h"
#include "tests/core/import/truth.h"

namespace caracal::import {

namespace {

using trace::EventIndex;
using trace::EventKind;
using trace::Trace;

// Files that the independent reader could read, without those that hold no events.
std::vector<TruthFile> readable() {
  std::vector<TruthFile> files = chromeTruth();
  files.erase(std::remove_if(files.begin(), files.end(),
                             [](const TruthFile& f) { return !f.error.empty() || f.events == 0; }),
              files.end());
  return files;
}

std::vector<TruthFile> kinetoFiles() {
  std::vector<TruthFile> files = readable();
  files.erase(std::remove_if(files.begin(), files.end(),
                             [](const TruthFile& f) { return !f.stages.empty(); }),
              files.end());
  return files;
}

std::string testName(const testing::TestParamInfo<TruthFile>& info) {
  return testNameOf(info.param);
}

std::shared_ptr<const Trace> load(const TruthFile& file) {
  const auto loaded = loadTraces({sharedTraces() + "/" + file.path});
  if (!loaded) {
    ADD_FAILURE() << loaded.error().text();
    return nullptr;
  }
  EXPECT_TRUE(loaded->skipped.empty());
  return loaded->trace;
}

// truth.json has times as they stand in the file; a Trace has them on the epoch.
int64_t baseOf(const Trace& trace) {
  return std::stoll(trace.metaOr("baseTimeNanoseconds", "0"));
}

// What truth.json counts per device, from a Trace.
std::map<std::string, TruthDevice> devicesOf(const Trace& trace) {
  std::map<std::string, TruthDevice> devices;
  const analysis::CommNames comm;
  for (const trace::Track& track : trace.tracks()) {
    for (EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
      if (!trace::isGpuWork(trace.kind(e))) continue;
      const bool isFirst = devices.count(std::to_string(track.device)) == 0;
      TruthDevice& device = devices[std::to_string(track.device)];
      device.firstNs = isFirst ? trace.beginNs(e) : std::min(device.firstNs, trace.beginNs(e));
      device.lastNs = isFirst ? trace.endNs(e) : std::max(device.lastNs, trace.endNs(e));
      device.memcpy += trace.kind(e) == EventKind::kMemcpy;
      device.memset += trace.kind(e) == EventKind::kMemset;
      device.kernels += trace.kind(e) == EventKind::kKernel;
      ++device.streams[std::to_string(track.id)];
      if (trace.kind(e) != EventKind::kKernel || !comm.matches(trace.name(e))) continue;
      ++device.commKernels;
      const std::string kind(trace::name(analysis::collectiveOfKernel(trace.name(e))));
      ++device.commByKind[kind];
      device.commTimeByKindNs[kind] += trace.durationNs(e);
    }
  }
  return devices;
}

class KinetoTruth : public testing::TestWithParam<TruthFile> {};

TEST_P(KinetoTruth, countsOfEveryKindAreExact) {
  const TruthFile& truth = GetParam();
  const auto trace = load(truth);
  ASSERT_TRUE(trace);
  ASSERT_EQ(trace->ranks().size(), 1u);
  EXPECT_EQ(trace->format(), "kineto");
  EXPECT_EQ(trace->ranks()[0].sourceRecords, truth.events);
  EXPECT_EQ(trace->countOf(EventKind::kKernel), truth.kernels);
  EXPECT_EQ(trace->countOf(EventKind::kPythonFunction), truth.pythonFunctions);
  EXPECT_EQ(trace->countOf(EventKind::kAnnotation), truth.userAnnotations);
  EXPECT_EQ(trace->countOf(EventKind::kGpuAnnotation), truth.gpuUserAnnotations);
  // truth.json counts CUDA's calls only; the host calls of other devices' runtimes are ours to add.
  const auto others = truth.byCategory.find("mtia_runtime");
  const int64_t otherRuntimes = others == truth.byCategory.end() ? 0 : others->second;
  EXPECT_EQ(trace->countOf(EventKind::kRuntime), truth.runtimeCalls + otherRuntimes);
  EXPECT_EQ(trace->report().of(trace::Defect::kNegativeDuration), truth.negativeDurations);
  EXPECT_EQ(trace->report().of(trace::Defect::kMissingDuration), truth.missingDurations);
}

TEST_P(KinetoTruth, devicesHaveTheirOperationsCollectivesAndTimes) {
  const TruthFile& truth = GetParam();
  const auto trace = load(truth);
  ASSERT_TRUE(trace);
  const auto devices = devicesOf(*trace);
  ASSERT_EQ(devices.size(), truth.devices.size());
  for (const auto& [key, expected] : truth.devices) {
    ASSERT_EQ(devices.count(key), 1u) << key;
    const TruthDevice& device = devices.at(key);
    EXPECT_EQ(device.kernels, expected.kernels);
    EXPECT_EQ(device.memcpy, expected.memcpy);
    EXPECT_EQ(device.memset, expected.memset);
    EXPECT_EQ(device.commKernels, expected.commKernels);
    EXPECT_EQ(device.commByKind, expected.commByKind);
    EXPECT_EQ(device.commTimeByKindNs, expected.commTimeByKindNs);
    EXPECT_EQ(device.firstNs - baseOf(*trace), expected.firstNs);
    EXPECT_EQ(device.lastNs - baseOf(*trace), expected.lastNs);
    EXPECT_EQ(trace->ranks()[0].deviceKey, key);
  }
}

TEST_P(KinetoTruth, launchesAreFoundForTheSameKernels) {
  const TruthFile& truth = GetParam();
  const auto trace = load(truth);
  ASSERT_TRUE(trace);
  int64_t linked = 0;
  for (EventIndex e = 0; e < trace->eventCount(); ++e) {
    if (trace->kind(e) != EventKind::kKernel || trace->launch(e) == trace::kNoIndex) continue;
    ++linked;
    EXPECT_EQ(trace->kind(trace->launch(e)), EventKind::kRuntime);
  }
  EXPECT_EQ(linked, truth.kernelsWithRuntime);
}

TEST_P(KinetoTruth, stepsAreMarkedAndTheRankIsTheFiles) {
  const TruthFile& truth = GetParam();
  const auto trace = load(truth);
  ASSERT_TRUE(trace);
  std::set<std::string> steps;
  for (EventIndex e = 0; e < trace->eventCount(); ++e) {
    if (trace->kind(e) != EventKind::kAnnotation || !trace->args(e) || trace->args(e)->step < 0)
      continue;
    steps.insert("ProfilerStep#" + std::to_string(trace->args(e)->step));
  }
  EXPECT_EQ(steps, std::set<std::string>(truth.steps.begin(), truth.steps.end()));
  if (truth.rank) {
    EXPECT_EQ(trace->ranks()[0].rank, *truth.rank);
    EXPECT_EQ(trace->ranks()[0].foundBy, "distributedInfo");
  }
}

TEST_P(KinetoTruth, completeEventsSpanTheSameTime) {
  const TruthFile& truth = GetParam();
  if (!truth.firstNs) GTEST_SKIP() << "no complete events in " << truth.path;
  const auto trace = load(truth);
  ASSERT_TRUE(trace);
  int64_t first = std::numeric_limits<int64_t>::max();
  int64_t last = std::numeric_limits<int64_t>::min();
  for (EventIndex e = 0; e < trace->eventCount(); ++e) {
    if (trace->kind(e) == EventKind::kInstant) continue;
    first = std::min(first, trace->beginNs(e));
    last = std::max(last, trace->endNs(e));
  }
  EXPECT_EQ(first - baseOf(*trace), *truth.firstNs);
  EXPECT_EQ(last - baseOf(*trace), *truth.lastNs);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(KinetoTruth);
INSTANTIATE_TEST_SUITE_P(Shared, KinetoTruth, testing::ValuesIn(kinetoFiles()), testName);

TEST(KinetoTruthFiles, sharedTracesAreThere) {
  if (sharedTraces().empty()) GTEST_SKIP() << "shared traces are not here: nothing was compared";
  EXPECT_GT(kinetoFiles().size(), 30u);
}

}  // namespace
}  // namespace caracal::import
