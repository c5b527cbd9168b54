// Figures that HTA defines, of shared real runs, as an independent computation with pandas from its
// documentation gave them (docs/analysis.md, "Tables").
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "core/analysis/kernel_breakdown.h"
#include "core/analysis/stragglers.h"
#include "core/analysis/stream_gaps.h"
#include "core/import/importer.h"

namespace caracal::analysis {
namespace {

const std::string kTraces = std::string(CARACAL_SOURCE_DIR) + "/../shared/traces";

struct Queue {
  int64_t changes = 0;
  double mean = 0, std = 0;
  int64_t least = 0, most = 0;
};

// Of rank 3 and its busiest stream, but for the kernel types, which are sums over all ranks.
struct Expected {
  const char* folder;
  int64_t stream;
  int64_t hostWaitNs, kernelWaitNs, otherNs;
  Queue queue;
  int64_t launches, shortKernels, longCalls, longDelays;
  std::map<std::string, int64_t> typeNs;
  std::string stragglers;  // "iteration:rank ..."
};

const std::vector<Expected>& expectedFigures() {
  static const std::vector<Expected> kExpected{
      {"nanogpt-sharded-8xh100",
       21,
       0,
       0,
       50'734'268,
       {6596, 713.2901758641601, 234.5758906227796, 0, 1023},
       3354,
       1197,
       21,
       3354,
       {{"COMPUTATION", 1'060'950'085},
        {"COMMUNICATION", 349'804'087},
        {"COMPUTATION overlapping COMMUNICATION", 61'870'149}},
       "10:7 11:2 11:6 12:2"},
      {"torchrec-dlrm-4xv100",
       7,
       312'970'000,
       0,
       41'776'000,
       {1092, 26.5970695970696, 27.946864447878795, -2, 94},
       654,
       249,
       3,
       488,
       {{"COMPUTATION", 1'204'640'000},
        {"COMPUTATION overlapping COMMUNICATION", 522'817'000},
        {"COMMUNICATION", 269'738'000}},
       "4:0 4:2 5:0 5:2"},
      {"megatron-tp8-a100",
       7,
       82'664'000,
       0,
       410'023'000,
       {1386, 18.241702741702742, 10.937169743965939, 0, 48},
       777,
       115,
       2,
       745,
       {{"COMMUNICATION", 3'340'091'000}, {"COMPUTATION", 1'056'773'000}},
       "3:2 3:5"},
  };
  return kExpected;
}

template <class Row>
const Row& ofRank3(const std::vector<Row>& rows, int64_t stream) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const Row& row) {
    return row.rank == 3 && row.stream == stream;
  });
  EXPECT_NE(found, rows.end());
  return found == rows.end() ? rows.front() : *found;
}

TEST(HtaFigures, ofRealRunsEqualAnIndependentComputation) {
  if (!std::filesystem::exists(kTraces + "/truth.json"))
    GTEST_SKIP() << "shared traces are not here: " << kTraces;
  for (const Expected& expected : expectedFigures()) {
    SCOPED_TRACE(expected.folder);
    const auto loaded = import::loadTraces({kTraces + "/" + expected.folder});
    ASSERT_TRUE(loaded) << loaded.error().text();
    const trace::Trace& trace = *loaded->trace;
    const StreamGaps gaps = ofRank3(streamGaps(trace), expected.stream);
    EXPECT_EQ(gaps.causeNs[static_cast<size_t>(GapCause::kHostWait)], expected.hostWaitNs);
    EXPECT_EQ(gaps.causeNs[static_cast<size_t>(GapCause::kKernelWait)], expected.kernelWaitNs);
    EXPECT_EQ(gaps.causeNs[static_cast<size_t>(GapCause::kOther)], expected.otherNs);
    const QueueLength queue = ofRank3(queueLengths(trace), expected.stream);
    EXPECT_EQ(queue.changes, expected.queue.changes);
    EXPECT_NEAR(queue.mean, expected.queue.mean, 1e-9);
    EXPECT_NEAR(queue.std, expected.queue.std, 1e-9);
    EXPECT_EQ(queue.least, expected.queue.least);
    EXPECT_EQ(queue.most, expected.queue.most);
    const LaunchStatistics launches = launchStatistics(trace).at(3);
    EXPECT_EQ(launches.launches, expected.launches);
    EXPECT_EQ(launches.shortKernels, expected.shortKernels);
    EXPECT_EQ(launches.longCalls, expected.longCalls);
    EXPECT_EQ(launches.longDelays, expected.longDelays);
    std::map<std::string, int64_t> typeNs;
    for (const KernelTypeTime& row : kernelTypeTimes(trace, {}, MemoryOperations::kIgnored))
      typeNs[row.types] = row.sumNs;
    EXPECT_EQ(typeNs, expected.typeNs);
    const auto stragglers = findStragglers(trace, {});
    ASSERT_TRUE(stragglers) << stragglers.error().text();
    std::string candidates;
    for (const StragglerSample& sample : stragglers->samples) {
      if (sample.candidate && sample.iteration <= 12)
        candidates += fmt::format(" {}:{}", sample.iteration, sample.rank);
    }
    EXPECT_TRUE(candidates.starts_with(' ' + expected.stragglers)) << candidates;
  }
}

}  // namespace
}  // namespace caracal::analysis
