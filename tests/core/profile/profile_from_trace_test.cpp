#include "core/profile/profile_from_trace.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/sim/simulator.h"
#include "core/trace/trace_builder.h"
#include "tests/core/profile/copied_recording.h"
#include "tests/core/profile/simulated_run.h"

namespace caracal::profile {
namespace {

ModelDescription smallModel(int32_t tensor, int32_t stages) {
  ModelDescription model;
  model.name = "small";
  model.shape = {
      .layers = 3 * stages, .hidden = 1024, .heads = 16, .sequence = 512, .vocabulary = 8192};
  model.parallel = {.tensor = tensor, .pipeline = stages, .microBatches = 6};
  model.gpu = "a100-80gb";
  return model;
}

using fixture::estimateOf;
using fixture::keepAll;
using fixture::simulated;

Result<Profile> profileOf(const trace::Trace& trace) {
  CARACAL_TRY(model, analysis::buildStepModel(trace));
  return profileFromRecording(trace, model);
}

void expectSameTimes(const std::vector<Operator>& actual, const std::vector<Operator>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) EXPECT_EQ(actual[i], expected[i]) << expected[i].id;
}

TEST(ProfileFromRecording, findsTheTimesThatTheRunHad) {
  for (const int32_t tensor : {1, 4}) {
    for (const int32_t stages : {1, 2, 4}) {
      SCOPED_TRACE("tp " + std::to_string(tensor) + " pp " + std::to_string(stages));
      const ModelDescription model = smallModel(tensor, stages);
      const Profile truth = estimateOf(model);
      std::vector<int32_t> partition(static_cast<size_t>(stages), 3);
      if (stages > 1) {
        ++partition.front();
        --partition.back();
      }
      const sim::SimResult run = simulated(truth, keepAll(truth, partition));
      const auto profile = profileOf(*fixture::asRecording(*run.trace, modelToJson(model)));
      ASSERT_TRUE(profile) << profile.error().text();
      ASSERT_TRUE(validate(*profile)) << validate(*profile).error().text();
      ASSERT_EQ(profile->kinds.size(), 1u);
      expectSameTimes(profile->kinds[0].operators, truth.kinds[0].operators);
      expectSameTimes(profile->first.operators, truth.first.operators);
      expectSameTimes(profile->last.operators, truth.last.operators);
      EXPECT_EQ(profile->kinds[0].windows, truth.kinds[0].windows);
      EXPECT_EQ(profile->layers, truth.layers);
      EXPECT_EQ(profile->first.staticBytes, truth.first.staticBytes);
      EXPECT_EQ(profile->last.staticBytes, truth.last.staticBytes);
      EXPECT_EQ(profile->sendForwardNs, truth.sendForwardNs);
      EXPECT_EQ(profile->sendBackwardNs, truth.sendBackwardNs);
      EXPECT_EQ(profile->tensorLink, truth.tensorLink);
      EXPECT_EQ(profile->memory.workspaceBytes, truth.memory.workspaceBytes);
      EXPECT_EQ(profile->tag, Tag::kEmulated);
      EXPECT_EQ(profile->observedPlan, "none");
      EXPECT_EQ(profile->observedStepNs, run.stepNs);  // the warm-up step is left out
      ASSERT_EQ(profile->observed.size(), static_cast<size_t>(stages));
      for (size_t s = 0; s < profile->observed.size(); ++s) {
        EXPECT_EQ(profile->observed[s].layerCount, partition[s]);
        EXPECT_EQ(profile->observed[s].forwardNs, run.stages[s].forwardNs);
        EXPECT_EQ(profile->observed[s].backwardNs, run.stages[s].backwardNs);
      }
    }
  }
}

TEST(ProfileFromRecording, aSimulationOfTheProfileReproducesTheStep) {
  const ModelDescription model = smallModel(4, 4);
  const Profile truth = estimateOf(model);
  const std::vector<int32_t> partition{4, 3, 3, 2};
  const sim::SimResult run = simulated(truth, keepAll(truth, partition));
  const auto profile = profileOf(*fixture::asRecording(*run.trace, modelToJson(model)));
  ASSERT_TRUE(profile) << profile.error().text();
  const sim::SimResult replay = simulated(*profile, keepAll(*profile, partition));
  // The optimizer's time is shared out by parameters: exact up to rounding per layer.
  EXPECT_NEAR(static_cast<double>(replay.stepNs), static_cast<double>(profile->observedStepNs),
              100.0);
}

// The run of one rank, as two of a tensor-parallel group have it of which one, and then the other,
// takes half as long again from one collective to the next.
std::shared_ptr<const trace::Trace> onTwoRanksThatTakeTurnsBeingSlow(const trace::Trace& one) {
  std::vector<Span> collectives;
  for (trace::EventIndex e = 0; e < one.eventCount(); ++e) {
    if (one.kind(e) == trace::EventKind::kComm) collectives.push_back(one.span(e));
  }
  std::sort(collectives.begin(), collectives.end(),
            [](const Span& a, const Span& b) { return a.beginNs < b.beginNs; });
  const auto at = [&](int64_t timeNs, size_t rank) {
    int64_t fromNs = 0, newNs = 0;  // of the stretch that the time lies in
    for (size_t i = 0;; ++i) {
      const bool slow = i % 2 == rank;
      const bool lastStretch = i == collectives.size();
      if (lastStretch || timeNs <= collectives[i].beginNs)
        return newNs + (timeNs - fromNs) * (slow ? 3 : 2);
      newNs += (collectives[i].beginNs - fromNs) * 3 + collectives[i].lengthNs() * 2;
      fromNs = collectives[i].endNs;
    }
  };
  trace::TraceBuilder builder;
  builder.meta() = one.meta();
  builder.setTag(one.tag());
  for (size_t rank = 0; rank < 2; ++rank) {
    trace::Rank copy = one.ranks().front();
    copy.rank = copy.tensorIndex = static_cast<int32_t>(rank);
    const uint32_t index = builder.addRank(copy);
    for (const trace::Track& track : one.tracks()) {
      trace::Track of = track;
      of.rank = index;
      const trace::TrackIndex to = builder.addTrack(of);
      for (trace::EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
        const int64_t beginNs = at(one.span(e).beginNs, rank);
        builder.add({to, one.kind(e), builder.intern(one.name(e)), beginNs,
                     at(one.span(e).endNs, rank) - beginNs},
                    trace::argsOf(one, e));
      }
    }
  }
  return std::move(builder).finish();
}

// Each rank computes 5/4 of its time, the group 3/2: the profile has to say what the group does.
TEST(ProfileFromRecording, aGroupIsAsSlowAsItsSlowestRankAtEachCollective) {
  const ModelDescription model = smallModel(2, 1);
  const Profile truth = estimateOf(model);
  const auto run = onTwoRanksThatTakeTurnsBeingSlow(*simulated(truth, keepAll(truth, {3})).trace);
  const auto profile = profileOf(*fixture::asRecording(*run, modelToJson(model)));
  ASSERT_TRUE(profile) << profile.error().text();
  EXPECT_EQ(profile->kinds[0].windows[0].transferNs, 2 * truth.kinds[0].windows[0].transferNs);
  // Not exactly: stretches reach from one pass into the next, and the update waits for nobody.
  const auto observedNs = static_cast<double>(profile->observedStepNs);
  EXPECT_NEAR(static_cast<double>(simulated(*profile, keepAll(*profile, {3})).stepNs), observedNs,
              0.02 * observedNs);
}

// Backward times must not contain recomputation, whatever plan was recorded.
TEST(ProfileFromRecording, recomputationOnDemandIsNotCountedAsBackward) {
  const ModelDescription model = smallModel(1, 2);
  const Profile truth = estimateOf(model);
  plan::Plan plan = keepAll(truth, {3, 3});
  for (plan::StagePlan& stage : plan.stages) {
    for (plan::LayerPolicy& layer : stage.layers) {
      for (const char* id : {"ln1", "ln2", "act"}) {
        layer.placements[static_cast<size_t>(truth.kinds[0].indexOf(id))] = {
            plan::PlacementKind::kOnDemand};
      }
    }
  }
  ASSERT_TRUE(plan::validate(truth, plan)) << plan::validate(truth, plan).error().text();
  const sim::SimResult run = simulated(truth, plan);
  ASSERT_GT(run.stages[0].exposedRecomputeNs, 0);
  const auto profile = profileOf(*fixture::asRecording(*run.trace, modelToJson(model)));
  ASSERT_TRUE(profile) << profile.error().text();
  expectSameTimes(profile->kinds[0].operators, truth.kinds[0].operators);
}

TEST(ProfileFromRecording, saysWhatTheTraceLacks) {
  const ModelDescription model = smallModel(1, 2);
  const Profile truth = estimateOf(model);
  const plan::Plan plan = keepAll(truth, {3, 3});
  const auto noModel = profileOf(*simulated(truth, plan).trace);
  ASSERT_FALSE(noModel);
  EXPECT_EQ(noModel.error().code, ErrorCode::kCannotAnswer);
  EXPECT_NE(noModel.error().message.find("--model"), std::string::npos);

  const auto passesOnly = sim::simulate(truth, plan, {sim::TraceDetail::kPasses});
  const auto noOperators = profileOf(*fixture::asRecording(*passesOnly->trace, modelToJson(model)));
  ASSERT_FALSE(noOperators);
  EXPECT_EQ(noOperators.error().code, ErrorCode::kCannotAnswer);
  EXPECT_NE(noOperators.error().message.find("ln1"), std::string::npos);
}

// Stage-level traces: passes of a simulated run, without its operators.
class ProfileFromStages : public testing::Test {
 protected:
  void SetUp() override {
    model = smallModel(1, 4);
    const Profile truth = estimateOf(model);
    auto result = sim::simulate(truth, keepAll(truth, {3, 3, 3, 3}), {sim::TraceDetail::kPasses});
    ASSERT_TRUE(result) << result.error().text();
    trace = result->trace;
    auto built = analysis::buildStepModel(*trace);
    ASSERT_TRUE(built) << built.error().text();
    steps = *built;
  }
  ModelDescription model;
  std::shared_ptr<const trace::Trace> trace;
  analysis::StepModel steps;
};

int64_t forwardOfStage(const Profile& profile, size_t stage, int32_t firstLayer, int32_t layers) {
  int64_t total = stage == 0 ? profile.first.forwardNs() : 0;
  if (stage + 1 == profile.observed.size()) total += profile.last.forwardNs();
  for (int32_t l = firstLayer; l < firstLayer + layers; ++l) total += profile.kindOf(l).forwardNs();
  return total;
}

TEST_F(ProfileFromStages, estimatedOperatorsAddUpToTheMeasuredStages) {
  // The second stage takes half as long again.
  steps.stages[1].forwardNs = steps.stages[1].forwardNs * 3 / 2;
  const auto profile = profileFromStages(*trace, steps, model);
  ASSERT_TRUE(profile) << profile.error().text();
  ASSERT_TRUE(validate(*profile)) << validate(*profile).error().text();
  EXPECT_EQ(profile->tag, Tag::kEstimated);
  EXPECT_EQ(profile->stageTag, Tag::kSimulated);  // the trace's own tag
  ASSERT_EQ(profile->kinds.size(), 2u);
  EXPECT_EQ(profile->kinds[1].id, "gpt.stage1");
  EXPECT_EQ(profile->layers, (std::vector<uint32_t>{0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0}));
  for (size_t s = 0; s < 4; ++s) {
    const auto measured = static_cast<double>(steps.stages[s].forwardNs);
    EXPECT_NEAR(static_cast<double>(forwardOfStage(*profile, s, static_cast<int32_t>(3 * s), 3)),
                measured, 0.01 * measured);
  }
  EXPECT_EQ(profile->observed[1].forwardNs, steps.stages[1].forwardNs);
}

TEST_F(ProfileFromStages, equalStagesShareOneKind) {
  const auto profile = profileFromStages(*trace, steps, model);
  ASSERT_TRUE(profile) << profile.error().text();
  ASSERT_EQ(profile->kinds.size(), 1u);
  EXPECT_EQ(profile->kinds[0].id, "gpt");
}

// Every second layer has experts; a stage of three has one or two of them.
TEST_F(ProfileFromStages, kindsOfLayersStayApart) {
  model.architecture.experts = 4;
  model.architecture.moeEvery = 2;
  model.architecture.topK = 2;
  const auto profile = profileFromStages(*trace, steps, model);
  ASSERT_TRUE(profile) << profile.error().text();
  ASSERT_TRUE(validate(*profile)) << validate(*profile).error().text();
  for (int32_t l = 0; l < 12; ++l) {
    EXPECT_EQ(profile->kindOf(l).indexOf("router") >= 0, l % 2 == 1) << l;
  }
  for (size_t s = 0; s < 4; ++s) {
    const auto measured = static_cast<double>(steps.stages[s].forwardNs);
    EXPECT_NEAR(static_cast<double>(forwardOfStage(*profile, s, static_cast<int32_t>(3 * s), 3)),
                measured, 0.01 * measured);
  }
}

TEST_F(ProfileFromStages, aGivenPartitionIsCheckedAndUsed) {
  const auto uneven = profileFromStages(*trace, steps, model, {2, 4, 4, 2});
  ASSERT_TRUE(uneven) << uneven.error().text();
  EXPECT_EQ(uneven->observed[1].layerCount, 4);
  for (const std::vector<int32_t>& bad :
       {std::vector<int32_t>{3, 3, 3}, {3, 3, 3, 4}, {0, 4, 4, 4}}) {
    const auto refused = profileFromStages(*trace, steps, model, bad);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidInput);
  }
}

// Stage s of four holds layers s, s + 4 and s + 8.
TEST_F(ProfileFromStages, chunksOfAnInterleavedScheduleAreLayersOfTheirStage) {
  model.parallel.microBatches = 8;
  const Profile truth = estimateOf(model);
  plan::Plan plan = keepAll(truth, std::vector<int32_t>(12, 1));
  plan.schedule = "interleaved:3";
  const auto result = sim::simulate(truth, plan, {sim::TraceDetail::kPasses});
  ASSERT_TRUE(result) << result.error().text();
  const auto built = analysis::buildStepModel(*result->trace);
  ASSERT_TRUE(built) << built.error().text();
  ASSERT_EQ(built->chunks, 3);
  const auto profile = profileFromStages(*result->trace, *built, model);
  ASSERT_TRUE(profile) << profile.error().text();
  ASSERT_TRUE(validate(*profile)) << validate(*profile).error().text();
  EXPECT_EQ(profile->schedule, "interleaved:3");
  for (int32_t s = 0; s < 4; ++s) {
    const analysis::StageSummary& stage = built->stages[static_cast<size_t>(s)];
    EXPECT_EQ(profile->observed[static_cast<size_t>(s)].layerCount, 3);
    int64_t forwardNs = s == 0 ? profile->first.forwardNs() : 0;
    if (s == 3) forwardNs += profile->last.forwardNs();
    for (const int32_t l : {s, s + 4, s + 8}) forwardNs += profile->kindOf(l).forwardNs();
    const auto measured = static_cast<double>(stage.forwardNs);
    EXPECT_NEAR(static_cast<double>(forwardNs), measured, 0.01 * measured) << s;
  }
  EXPECT_TRUE(profileFromStages(*result->trace, *built, model, std::vector<int32_t>(12, 1)));
  EXPECT_FALSE(profileFromStages(*result->trace, *built, model, {3, 3, 3, 3}));
}

TEST_F(ProfileFromStages, refusesInWordsWhatItCannotMap) {
  analysis::StepModel finer = steps;
  finer.chunks = 4;  // 16 chunks of 12 layers
  const auto refused = profileFromStages(*trace, finer, model);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("16 chunks"), std::string::npos);

  ModelDescription wrongStages = model;
  wrongStages.parallel.pipeline = 2;
  EXPECT_FALSE(profileFromStages(*trace, steps, wrongStages));
  ModelDescription noGpu = model;
  noGpu.gpu.clear();
  const auto unnamed = profileFromStages(*trace, steps, noGpu);
  ASSERT_FALSE(unnamed);
  EXPECT_NE(unnamed.error().message.find("gpu"), std::string::npos);
}

}  // namespace
}  // namespace caracal::profile
