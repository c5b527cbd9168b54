// Calibration of runs that were simulated on known hardware finds that hardware again.
#include "core/profile/calibration.h"

#include <gtest/gtest.h>

#include "core/profile/profile_json.h"
#include "core/sim/simulator.h"
#include "tests/core/profile/copied_recording.h"
#include "tests/core/profile/simulated_run.h"

namespace caracal::profile {
namespace {

using Recordings = std::vector<std::shared_ptr<const trace::Trace>>;

ModelDescription largeModel(int32_t hidden) {
  ModelDescription model;
  model.name = "large";
  model.shape = {.layers = 6, .hidden = hidden, .heads = 32, .sequence = 2048, .vocabulary = 8192};
  model.shape.microBatchSize = 4;
  model.parallel = {.tensor = 4, .pipeline = 2, .microBatches = 4};
  model.gpu = "a100-80gb";
  return model;
}

std::shared_ptr<const trace::Trace> recordingOf(const ModelDescription& model, const Profile& truth,
                                                const plan::Plan& plan) {
  const sim::SimResult run = fixture::simulated(truth, plan);
  return fixture::asRecording(*run.trace, modelToJson(model));
}

TEST(Calibration, findsTheRatesOfTheHardwareThatRan) {
  const ModelDescription model = largeModel(4096);
  const Profile truth = fixture::estimateOf(model);
  const Hardware real = *loadHardware(model.gpu);
  const Recordings recordings{recordingOf(model, truth, fixture::keepAll(truth, {3, 3}))};
  const auto calibration = calibrate(recordings);
  ASSERT_TRUE(calibration) << calibration.error().text();
  const Hardware& found = calibration->hardware;
  const double reached = real.matrixFlops * real.matrixEfficiency;
  EXPECT_NEAR(found.matrixFlops * found.matrixEfficiency, reached, 0.02 * reached);
  const double streamed = real.memoryBytesPerSecond * real.memoryEfficiency;
  EXPECT_NEAR(found.memoryBytesPerSecond * found.memoryEfficiency, streamed, 0.05 * streamed);
  EXPECT_EQ(found.kappa, 1);
  EXPECT_EQ(found.launchNs, 0) << "one recording cannot show it";

  // What it says of another model is what the real constants say.
  const ModelDescription other = largeModel(8192);
  const auto estimated = profileFromModel(other, found);
  ASSERT_TRUE(estimated) << estimated.error().text();
  const Profile expected = fixture::estimateOf(other);
  const auto forward = static_cast<double>(expected.kinds[0].forwardNs());
  EXPECT_NEAR(static_cast<double>(estimated->kinds[0].forwardNs()), forward, 0.05 * forward);
}

TEST(Calibration, findsTheFloorOfOperatorsThatAreTooShortForTheirRates) {
  Recordings recordings;
  for (const int32_t sequence : {16, 64}) {
    ModelDescription model = largeModel(4096);
    model.shape.sequence = sequence;
    model.shape.microBatchSize = 1;
    const Profile truth = fixture::estimateOf(model);
    recordings.push_back(recordingOf(model, truth, fixture::keepAll(truth, {3, 3})));
  }
  const auto calibration = calibrate(recordings);
  ASSERT_TRUE(calibration) << calibration.error().text();
  EXPECT_EQ(calibration->hardware.launchNs, loadHardware("a100-80gb")->launchNs);
}

TEST(Calibration, fitsLatencyAndBandwidthToTransfersOfSeveralSizes) {
  Recordings recordings;
  for (const int32_t hidden : {2048, 4096}) {
    const ModelDescription model = largeModel(hidden);
    const Profile truth = fixture::estimateOf(model);
    recordings.push_back(recordingOf(model, truth, fixture::keepAll(truth, {3, 3})));
  }
  const auto calibration = calibrate(recordings);
  ASSERT_TRUE(calibration) << calibration.error().text();
  const Link real = loadHardware("a100-80gb")->tensorLink;
  const Link& found = calibration->hardware.tensorLink;
  EXPECT_NEAR(static_cast<double>(found.latencyNs), static_cast<double>(real.latencyNs), 10);
  EXPECT_NEAR(found.bytesPerSecond, real.bytesPerSecond, 1e-3 * real.bytesPerSecond);
}

TEST(Calibration, seesHowMuchCollectivesSlowOperatorsDown) {
  const ModelDescription model = largeModel(4096);
  Profile truth = fixture::estimateOf(model);
  truth.kappa = 1.5;
  plan::Plan plan = fixture::keepAll(truth, {3, 3});
  for (plan::StagePlan& stage : plan.stages) {
    for (size_t l = 0; l + 1 < stage.layers.size(); ++l) {  // the top layer has no such window
      stage.layers[l].placements[static_cast<size_t>(truth.kinds[0].indexOf("ln2"))] = {
          plan::PlacementKind::kWindow, plan::WindowId::kPrevBwdMlp};
    }
  }
  plan.profileHash = hashOf(truth);
  const auto calibration = calibrate(Recordings{recordingOf(model, truth, plan)});
  ASSERT_TRUE(calibration) << calibration.error().text();
  ASSERT_EQ(calibration->operatorsBeside.size(), 1U);
  EXPECT_EQ(calibration->operatorsBeside[0].of, "norm");
  EXPECT_NEAR(calibration->operatorsBeside[0].factor, 1.5, 1e-3);
  EXPECT_NEAR(calibration->hardware.kappa, 1.5, 1e-3);
}

TEST(Calibration, itsDocumentIsReadBack) {
  const ModelDescription model = largeModel(4096);
  const Profile truth = fixture::estimateOf(model);
  const auto calibration =
      calibrate(Recordings{recordingOf(model, truth, fixture::keepAll(truth, {3, 3}))});
  ASSERT_TRUE(calibration);
  const auto read = hardwareFromJson(toJson(*calibration));
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(*read, calibration->hardware);
}

TEST(Calibration, refusesRunsOfDifferentHardware) {
  const ModelDescription model = largeModel(4096);
  Profile truth = fixture::estimateOf(model);
  Recordings recordings{recordingOf(model, truth, fixture::keepAll(truth, {3, 3}))};
  truth.hardware = "another";
  recordings.push_back(recordingOf(model, truth, fixture::keepAll(truth, {3, 3})));
  const auto refused = calibrate(recordings);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kCannotAnswer);
  EXPECT_NE(refused.error().message.find("another"), std::string::npos) << refused.error().text();
}

}  // namespace
}  // namespace caracal::profile
