// The real pipelines of the shared traces: windows, compute and bubbles of every stage, exactly.
#include <gtest/gtest.h>

#include <map>
#include <numeric>

#include "core/base/intervals.h"
#include "core/import/importer.h"
#include "tests/core/import/test_files.h"
#include "tests/core/import/truth.h"

namespace caracal::import {

namespace {

using trace::EventIndex;
using trace::EventKind;
using trace::Pass;
using trace::Trace;

std::vector<TruthFile> pipelineFiles() {
  std::vector<TruthFile> files;
  for (TruthFile& file : chromeTruth()) {
    if (!file.stages.empty()) files.push_back(std::move(file));
  }
  return files;
}

std::string testName(const testing::TestParamInfo<TruthFile>& info) {
  return testNameOf(info.param);
}

// The definition in truth.json's `about`, from the passes of a Trace.
std::map<std::string, TruthStage> stagesOf(const Trace& trace) {
  struct Passes {
    std::vector<Span> spans;
    int64_t forwards = 0, backwards = 0;
  };
  std::map<std::pair<int32_t, int32_t>, std::map<int32_t, Passes>>
      steps;  // (step, replica) -> stage
  for (EventIndex e = 0; e < trace.eventCount(); ++e) {
    if (trace.kind(e) != EventKind::kPass) continue;
    const trace::EventArgs args = *trace.args(e);
    const trace::Rank& rank = trace.ranks()[trace.tracks()[trace.trackOf(e)].rank];
    EXPECT_EQ(args.stage, rank.stage);
    Passes& passes = steps[{args.step, rank.dataIndex}][rank.stage];
    passes.spans.push_back(trace.span(e));
    ++(args.pass == Pass::kForward ? passes.forwards : passes.backwards);
  }
  std::map<std::string, TruthStage> stages;
  for (const auto& [step, ofStage] : steps) {
    Span window{std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()};
    for (const auto& [stage, passes] : ofStage) {
      for (const Span& span : passes.spans) {
        window = {std::min(window.beginNs, span.beginNs), std::max(window.endNs, span.endNs)};
      }
    }
    for (const auto& [stage, passes] : ofStage) {
      TruthStage& sum = stages[std::to_string(stage)];
      const int64_t computeNs = SpanSet(passes.spans).lengthNs();
      sum.forwards += passes.forwards;
      sum.backwards += passes.backwards;
      sum.windowNs += window.lengthNs();
      sum.computeNs += computeNs;
      sum.bubbleNs += window.lengthNs() - computeNs;
    }
  }
  return stages;
}

class PipelineTruth : public testing::TestWithParam<TruthFile> {
 protected:
  void SetUp() override {
    const auto loaded = loadTraces({sharedTraces() + "/" + GetParam().path});
    ASSERT_TRUE(loaded) << loaded.error().text();
    trace = loaded->trace;
  }
  std::shared_ptr<const Trace> trace;
};

TEST_P(PipelineTruth, stagesHaveTheirPassesWindowsAndBubbles) {
  const auto stages = stagesOf(*trace);
  ASSERT_EQ(stages.size(), GetParam().stages.size());
  for (const auto& [stage, expected] : GetParam().stages) {
    const TruthStage& found = stages.at(stage);
    EXPECT_EQ(found.forwards, expected.forwards) << "stage " << stage;
    EXPECT_EQ(found.backwards, expected.backwards) << "stage " << stage;
    EXPECT_EQ(found.windowNs, expected.windowNs) << "stage " << stage;
    EXPECT_EQ(found.computeNs, expected.computeNs) << "stage " << stage;
    EXPECT_EQ(found.bubbleNs, expected.bubbleNs) << "stage " << stage;
  }
}

TEST_P(PipelineTruth, everyRecordBelongsToARankAndNothingIsDropped) {
  const auto& ranks = trace->ranks();
  const int64_t records =
      std::accumulate(ranks.begin(), ranks.end(), int64_t{0},
                      [](int64_t sum, const trace::Rank& r) { return sum + r.sourceRecords; });
  EXPECT_EQ(records, GetParam().events);
  EXPECT_EQ(trace->format(), "pipeline");
  for (const int64_t count : trace->report().counts) EXPECT_EQ(count, 0);
  if (GetParam().firstNs) {
    EXPECT_EQ(trace->range().beginNs, *GetParam().firstNs);
    EXPECT_EQ(trace->range().endNs, *GetParam().lastNs);
  }
}

TEST_P(PipelineTruth, everyRankHasOneAnnotationForEachStep) {
  const auto replicas = static_cast<int64_t>(trace->ranks().size() / GetParam().stages.size());
  const int64_t steps = GetParam().steppedWorkers / replicas;
  for (const trace::Track& track : trace->tracks()) {
    if (track.label != "steps") continue;
    int64_t annotations = 0;
    for (EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
      if (trace->kind(e) != EventKind::kAnnotation) continue;
      EXPECT_EQ(trace->name(e), "step:" + std::to_string(trace->args(e)->step));
      ++annotations;
    }
    EXPECT_EQ(annotations, steps);
  }
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(PipelineTruth);
INSTANTIATE_TEST_SUITE_P(Shared, PipelineTruth, testing::ValuesIn(pipelineFiles()), testName);

TEST(PipelineTruthFiles, sharedTracesAreThere) {
  if (sharedTraces().empty()) GTEST_SKIP() << "shared traces are not here: nothing was compared";
  EXPECT_EQ(pipelineFiles().size(), 4u);
}

}  // namespace
}  // namespace caracal::import
