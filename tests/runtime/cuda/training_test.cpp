// The whole CUDA backend beside the CPU backend: a tiny GPT trained under every kind of
// parallelism, with virtual ranks as threads. Everywhere on the emulator, whose streams interleave
// by chance, and on a GPU where there is one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/runtime/cuda/backend_under_test.h"
#include "tests/runtime/tiny_model.h"

namespace caracal::cuda {
namespace {

using executor::Job;
using executor::RunSummary;

enum class Where : uint8_t { kCpu, kCuda };

executor::RunOptions optionsFor(Where where) {
  executor::RunOptions options = test::quickOptions(2);
  options.links = {{1000, 1e9}, {1000, 1e9}, {1000, 1e9}};
  if (where == Where::kCuda) options.clock = comm::ClockKind::kWall;
  return options;
}

RunSummary train(const Job& job, Where where) {
  auto loaded = backendUnderTest();
  EXPECT_TRUE(loaded) << loaded.error().text();
  executor::RunOptions options = optionsFor(where);
  if (where == Where::kCuda) options.backend = loaded->backend.get();
  auto summary = test::train(job, options);
  EXPECT_TRUE(summary) << summary.error().text();
  return summary ? std::move(*summary) : RunSummary{};
}

executor::BackendFacts cudaFacts() {
  return backendUnderTest()->facts;
}

Job jobOf(const test::Sizes& sizes, Where where, const std::string& schedule = "1F1B") {
  const auto facts = where == Where::kCuda ? cudaFacts() : executor::BackendFacts{};
  auto job = executor::jobFromModel(test::tinyModel(sizes), schedule, facts);
  EXPECT_TRUE(job) << job.error().text();
  return std::move(*job);
}

class CudaTraining : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto loaded = backendUnderTest(); !loaded) GTEST_SKIP() << loaded.error().text();
  }
};

double largestDifference(const RunSummary& a, const RunSummary& b) {
  const test::Weights ofA = test::weightsOf(a);
  const test::Weights ofB = test::weightsOf(b);
  EXPECT_EQ(ofA.size(), ofB.size());
  double largest = 0;
  for (const auto& [name, values] : ofA) {
    for (size_t i = 0; i < values.size(); ++i)
      largest = std::max<double>(largest, std::abs(values[i] - ofB.at(name)[i]));
  }
  return largest;
}

// AdamW moves a weight by about the learning rate whatever the gradient's size, so rounding may
// turn single steps around; losses, and nearly all weights, must agree closely.
void expectSameTraining(const RunSummary& cuda, const RunSummary& cpu) {
  ASSERT_EQ(cuda.steps.size(), cpu.steps.size());
  for (size_t s = 0; s < cpu.steps.size(); ++s)
    EXPECT_NEAR(cuda.steps[s].loss, cpu.steps[s].loss, 2e-4) << "step " << s;
  EXPECT_LT(largestDifference(cuda, cpu), 2e-3);
}

TEST_F(CudaTraining, oneRankTrainsAsTheCpuDoes) {
  expectSameTraining(train(jobOf({}, Where::kCuda), Where::kCuda),
                     train(jobOf({}, Where::kCpu), Where::kCpu));
}

TEST_F(CudaTraining, tensorPipelineAndDataParallelRanksTrainAsTheCpuDoes) {
  test::Sizes sizes;
  sizes.tensor = 2;
  sizes.pipeline = 2;
  sizes.data = 2;
  const Job job = jobOf(sizes, Where::kCuda);
  const RunSummary cuda = train(job, Where::kCuda);
  expectSameTraining(cuda, train(jobOf(sizes, Where::kCpu), Where::kCpu));
  for (const executor::RankSummary& rank : cuda.ranks) {
    EXPECT_EQ(rank.peakBytes, executor::predictedMemory(job, rank.position.stage).peakBytes())
        << "rank " << rank.position.rank;
  }
}

TEST_F(CudaTraining, gradientsInBucketsGiveTheSameBits) {
  test::Sizes sizes;
  sizes.data = 2;
  const RunSummary atTheEnd = train(jobOf(sizes, Where::kCuda), Where::kCuda);
  sizes.pipeline = 2;
  profile::ModelDescription model = test::tinyModel(sizes);
  model.parallel.overlapGradientReduce = true;
  // Buckets of several parts; where a stage holds two chunks, of separate ranges.
  constexpr int64_t kBucketBytes = 20'000;
  for (const std::string schedule : {"1F1B", "interleaved:2"}) {
    const auto job = executor::jobFromModel(model, schedule, cudaFacts(), {false, kBucketBytes});
    ASSERT_TRUE(job) << job.error().text();
    const RunSummary beside = train(*job, Where::kCuda);
    EXPECT_EQ(test::lossesOf(beside), test::lossesOf(atTheEnd)) << schedule;
    EXPECT_EQ(test::weightsOf(beside), test::weightsOf(atTheEnd)) << schedule;
  }
}

TEST_F(CudaTraining, streamsMayInterleaveInAnyWay) {
  test::Sizes sizes;
  sizes.tensor = 2;
  sizes.pipeline = 2;
  sizes.layers = 2;
  const Job job = jobOf(sizes, Where::kCuda);
  const RunSummary first = train(job, Where::kCuda);
  for (uint64_t seed = 11; seed < 14; ++seed) {
    shuffleStreams(seed);
    const RunSummary other = train(job, Where::kCuda);
    EXPECT_EQ(test::lossesOf(other), test::lossesOf(first)) << "seed " << seed;
    EXPECT_EQ(test::weightsOf(other), test::weightsOf(first)) << "seed " << seed;
  }
}

TEST_F(CudaTraining, schedulesGiveTheSameBitsAsOneRank) {
  test::Sizes sizes;
  const RunSummary one = train(jobOf(sizes, Where::kCuda), Where::kCuda);
  sizes.pipeline = 2;
  for (const std::string schedule : {"1F1B", "interleaved:2", "zb-h1", "zb-v"}) {
    const RunSummary split = train(jobOf(sizes, Where::kCuda, schedule), Where::kCuda);
    EXPECT_EQ(test::lossesOf(split), test::lossesOf(one)) << schedule;
    EXPECT_EQ(test::weightsOf(split), test::weightsOf(one)) << schedule;
  }
}

using LayerOf = std::function<test::LayerText(int32_t stage, int32_t layer)>;

RunSummary trainPlanned(const test::Sizes& sizes, const LayerOf& layerOf) {
  auto job =
      executor::jobFromPlan(test::planDocument(test::tinyModel(sizes), layerOf), cudaFacts());
  EXPECT_TRUE(job) << job.error().text();
  return train(*job, Where::kCuda);
}

TEST_F(CudaTraining, recomputationChangesNoBit) {
  test::Sizes sizes;
  sizes.tensor = 2;
  sizes.pipeline = 2;
  const auto windowed = [](int32_t stage, int32_t) { return test::everyForwardWindow(stage); };
  const auto same = [](const std::string& text) {
    return [text](int32_t, int32_t) { return test::LayerText{text}; };
  };
  const RunSummary kept = trainPlanned(sizes, same(""));
  for (const LayerOf& layerOf : {LayerOf(same(test::kFullRecompute)), LayerOf(windowed)}) {
    const RunSummary rebuilt = trainPlanned(sizes, layerOf);
    EXPECT_EQ(test::lossesOf(rebuilt), test::lossesOf(kept));
    EXPECT_EQ(test::weightsOf(rebuilt), test::weightsOf(kept));
    EXPECT_LT(rebuilt.ranks.front().peakBytes, kept.ranks.front().peakBytes);
  }
}

// Copies run beside compute; a wait that is missing shows under some order of the streams.
TEST_F(CudaTraining, offloadingChangesNoBit) {
  test::Sizes sizes;
  sizes.pipeline = 2;
  const RunSummary kept = trainPlanned(sizes, [](int32_t, int32_t) { return test::LayerText{}; });
  const auto offloads = [](int32_t, int32_t layer) {
    return test::LayerText{layer % 2 == 0 ? "ln1=offload qkv=offload act=offload"
                                          : "fc1=offload act=onDemand softmax=offload"};
  };
  for (uint64_t seed = 21; seed < 24; ++seed) {
    shuffleStreams(seed);
    const RunSummary offloaded = trainPlanned(sizes, offloads);
    EXPECT_EQ(test::lossesOf(offloaded), test::lossesOf(kept)) << "seed " << seed;
    EXPECT_EQ(test::weightsOf(offloaded), test::weightsOf(kept)) << "seed " << seed;
  }
}

profile::ModelDescription variant(bool fused, int32_t bytesPerElement) {
  profile::ModelDescription model = test::tinyModel({});
  model.fusedAttention = fused;
  model.shape.bytesPerElement = bytesPerElement;
  model.shape.heads = 2;  // of a width that tensor cores take
  return model;
}

RunSummary trainVariant(bool fused, int32_t bytesPerElement) {
  auto job = executor::jobFromModel(variant(fused, bytesPerElement), "1F1B", cudaFacts());
  EXPECT_TRUE(job) << job.error().text();
  if (!job) return {};
  const RunSummary summary = train(*job, Where::kCuda);
  EXPECT_EQ(summary.ranks.front().peakBytes, executor::predictedMemory(*job, 0).peakBytes());
  return summary;
}

TEST_F(CudaTraining, fusedAttentionTrainsTheSameModel) {
  expectSameTraining(trainVariant(true, 4), trainVariant(false, 4));
}

TEST_F(CudaTraining, bf16StaysNearFp32) {
  const RunSummary fp32 = trainVariant(true, 4);
  for (const bool fused : {true, false}) {
    const RunSummary bf16 = trainVariant(fused, 2);
    for (size_t s = 0; s < fp32.steps.size(); ++s)
      EXPECT_NEAR(bf16.steps[s].loss, fp32.steps[s].loss, 0.02) << "step " << s;
  }
}

// The widths that kernels on tensor cores are made for, over several of their tiles.
TEST_F(CudaTraining, fusedAttentionOfWideHeadsStaysNearUnfused) {
  for (const int32_t heads : {2, 1}) {
    std::vector<double> losses;
    for (const bool fused : {false, true}) {
      profile::ModelDescription model = test::tinyModel({1, 1, 1, 1, 1});
      model.fusedAttention = fused;
      model.shape.bytesPerElement = 2;
      model.shape.hidden = 128;
      model.shape.heads = heads;
      model.shape.sequence = 72;
      model.shape.microBatchSize = 1;
      auto job = executor::jobFromModel(model, "1F1B", cudaFacts());
      ASSERT_TRUE(job) << job.error().text();
      losses.push_back(train(*job, Where::kCuda).steps.back().loss);
    }
    EXPECT_NEAR(losses[1], losses[0], 0.02) << heads << " heads";
  }
}

// Rows, their gathers and reduce-scatters: beside the CPU's, and under everything that must not
// change a bit.
class CudaSequenceParallel : public CudaTraining {
 protected:
  static profile::ModelDescription model(const test::Sizes& sizes) {
    profile::ModelDescription rows = test::tinyModel(sizes);
    rows.parallel.sequenceParallel = true;
    return rows;
  }
  static Job job(const profile::ModelDescription& model, Where where,
                 const std::string& schedule = "1F1B") {
    const auto facts = where == Where::kCuda ? cudaFacts() : executor::BackendFacts{};
    auto made = executor::jobFromModel(model, schedule, facts);
    EXPECT_TRUE(made) << made.error().text();
    return std::move(*made);
  }
  static RunSummary trained(const profile::ModelDescription& model,
                            const std::string& schedule = "1F1B") {
    const Job of = job(model, Where::kCuda, schedule);
    RunSummary summary = train(of, Where::kCuda);
    EXPECT_EQ(test::disagreementOf(summary), 0);
    for (const executor::RankSummary& rank : summary.ranks) {
      EXPECT_EQ(rank.peakBytes, executor::predictedMemory(of, rank.position.stage).peakBytes())
          << "rank " << rank.position.rank;
    }
    return summary;
  }
};

TEST_F(CudaSequenceParallel, trainsAsTheCpuDoes) {
  for (const test::Sizes& sizes : {test::Sizes{2, 2, 2}, test::Sizes{4, 1, 1}}) {
    expectSameTraining(trained(model(sizes)), train(job(model(sizes), Where::kCpu), Where::kCpu));
  }
}

// As on the CPU: the first loss is that of whole rows, bit for bit, and takes less memory.
TEST_F(CudaSequenceParallel, computesForwardAsWholeRowsDo) {
  test::Sizes sizes;
  sizes.tensor = 2;
  const RunSummary whole = train(jobOf(sizes, Where::kCuda), Where::kCuda);
  const RunSummary split = trained(model(sizes));
  EXPECT_EQ(split.steps.front().loss, whole.steps.front().loss);
  EXPECT_LT(split.ranks.front().peakBytes, whole.ranks.front().peakBytes);
  EXPECT_LT(largestDifference(split, whole), 2e-3);
}

TEST_F(CudaSequenceParallel, streamsSchedulesAndRecomputationChangeNoBit) {
  test::Sizes sizes;
  sizes.tensor = 2;
  const RunSummary one = trained(model(sizes));
  const auto expectSame = [&](const RunSummary& other, const std::string& what) {
    EXPECT_EQ(test::lossesOf(other), test::lossesOf(one)) << what;
    EXPECT_EQ(test::weightsOf(other), test::weightsOf(one)) << what;
  };
  for (uint64_t seed = 31; seed < 33; ++seed) {
    shuffleStreams(seed);
    expectSame(trained(model(sizes)), fmt::format("seed {}", seed));
  }
  sizes.pipeline = 2;
  for (const std::string schedule : {"interleaved:2", "zb-h1", "zb-v"})
    expectSame(trained(model(sizes), schedule), schedule);
  const std::string full =
      "ln1=onDemand ag_attn=onDemand qkv=onDemand scores=onDemand softmax=onDemand "
      "attn_dropout=onDemand context=onDemand proj=onDemand rs_attn=onDemand residual1=onDemand "
      "ln2=onDemand ag_mlp=onDemand fc1=onDemand act=onDemand";
  const auto planned = executor::jobFromPlan(
      test::planDocument(model(sizes), [&](int32_t, int32_t) { return test::LayerText{full}; }),
      cudaFacts());
  ASSERT_TRUE(planned) << planned.error().text();
  expectSame(train(*planned, Where::kCuda), "full recomputation");
}

TEST_F(CudaSequenceParallel, worksInBf16WithFusedAttention) {
  test::Sizes sizes;
  sizes.tensor = 2;
  profile::ModelDescription rows = model(sizes);
  const RunSummary fp32 = trained(rows);
  rows.fusedAttention = true;
  rows.shape.bytesPerElement = 2;
  const RunSummary bf16 = trained(rows);
  for (size_t s = 0; s < fp32.steps.size(); ++s)
    EXPECT_NEAR(bf16.steps[s].loss, fp32.steps[s].loss, 0.02) << "step " << s;
}

Result<RunSummary> trainOnVirtualClock(const Job& job) {
  auto loaded = backendUnderTest();
  executor::RunOptions options = optionsFor(Where::kCpu);
  options.backend = loaded->backend.get();
  return test::train(job, options);
}

TEST_F(CudaTraining, virtualClockChangesNoBit) {
  test::Sizes sizes;
  sizes.tensor = 2;
  sizes.data = 2;
  const Job job = jobOf(sizes, Where::kCuda);
  const RunSummary wall = train(job, Where::kCuda);
  const auto alone = trainOnVirtualClock(job);
  ASSERT_TRUE(alone) << alone.error().text();
  EXPECT_EQ(test::lossesOf(*alone), test::lossesOf(wall));
  EXPECT_EQ(test::weightsOf(*alone), test::weightsOf(wall));
}

TEST_F(CudaTraining, virtualClockRefusesCopiesToTheHostInWords) {
  auto job = executor::jobFromPlan(
      test::planDocument(test::tinyModel({}),
                         [](int32_t, int32_t) { return test::LayerText{"qkv=offload"}; }),
      cudaFacts());
  ASSERT_TRUE(job) << job.error().text();
  const auto summary = trainOnVirtualClock(*job);
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(summary.error().text(), testing::HasSubstr("--clock wall"));
}

}  // namespace
}  // namespace caracal::cuda
