// The executor against a device that computes nothing: order, lifetimes and the time of a schedule
// by hand.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>

#include "runtime/executor/stage_executor.h"
#include "tests/runtime/tiny_model.h"

namespace caracal::executor {
namespace {

// Every call takes one unit of time; remembers what was asked of it, in words.
class PaperDevice final : public Device {
 public:
  ~PaperDevice() override { EXPECT_TRUE(m_blocks.empty()) << "memory was not given back"; }

  Result<float*> allocate(int64_t bytes) override {
    if (m_limit >= 0 && bytes > m_limit) return fail(ErrorCode::kOutOfMemory, "no memory");
    auto* block = static_cast<float*>(std::malloc(static_cast<size_t>(bytes)));
    m_blocks.insert(block);
    return block;
  }
  void release(float* data) noexcept override {
    EXPECT_EQ(m_blocks.erase(data), 1U);
    std::free(data);
  }
  Memory& host() override { return *this; }
  int64_t outputBytes(model::Op) const override { return 64; }
  int64_t staticBytes() const override { return 1000; }
  int64_t workspaceBytes() const override { return 100; }

  Result<void> launch(const Launch& call) override {
    static const std::map<Work, std::string> kLetters{{Work::kForward, "F"},
                                                      {Work::kBackward, "B"},
                                                      {Work::kInputGradient, "I"},
                                                      {Work::kWeightGradient, "W"}};
    return note(call.label, fmt::format("{}{}:{}", kLetters.at(call.work), call.microBatch,
                                        model::id(call.op)));
  }
  Result<void> startCollective(const Collective& call) override {
    return note(call.label, "start");
  }
  Result<void> waitCollective(const Collective& call) override { return note(call.label, "wait"); }
  Result<void> copy(const Copy& call) override { return note(call.label, "copy"); }
  Result<void> send(const Exchange& call) override { return note(call.label, "send"); }
  Result<void> receive(const Exchange& call) override { return note(call.label, "receive"); }
  Result<void> putAside(const HandOver& call) override {
    m_calls.push_back(fmt::format("aside{}:{}", call.microBatch, call.chunk));
    return {};
  }
  Result<void> takeUp(const HandOver& call) override {
    m_calls.push_back(fmt::format("up{}:{}", call.microBatch, call.chunk));
    return {};
  }
  Result<void> reduceGradients(Label label) override { return note(label, "reduce"); }
  Result<void> startReduction(Label label, int32_t layer) override {
    return note(label, fmt::format("reduce layer {}", layer));
  }
  Result<void> waitReductions() override {
    m_calls.emplace_back("reduced");
    return {};
  }
  Result<void> updateWeights(Label label, int32_t) override { return note(label, "update"); }
  int64_t nowNs() const override { return m_now; }
  std::vector<Timing> takeTimings() override { return std::exchange(m_timings, {}); }

  void refuseMoreThan(int64_t bytes) { m_limit = bytes; }
  const std::vector<std::string>& calls() const { return m_calls; }

 private:
  Result<void> note(Label label, std::string call) {
    m_calls.push_back(std::move(call));
    m_timings.push_back({label, {m_now, m_now + 1}, -1, -1});
    ++m_now;
    return {};
  }
  std::set<float*> m_blocks;
  std::vector<std::string> m_calls;
  std::vector<Timing> m_timings;
  int64_t m_now = 0;
  int64_t m_limit = -1;
};

Job oneLayerJob(int32_t microBatches = 1) {
  test::Sizes sizes;
  sizes.layers = 1;
  sizes.microBatches = microBatches;
  auto job = jobFromModel(test::tinyModel(sizes));
  EXPECT_TRUE(job) << job.error().text();
  return std::move(*job);
}

TEST(StageExecutor, runsAStepInTheOrderOfItsProgram) {
  const Job job = oneLayerJob();
  PaperDevice device;
  StageExecutor executor(job, job.program.stages[0], device);
  ASSERT_TRUE(executor.runStep(0));
  const std::vector<std::string> expected{
      "F0:embed",        "F0:ln1",     "F0:qkv",     "F0:scores",       "F0:softmax",
      "F0:attn_dropout", "F0:context", "F0:proj",    "F0:residual1",    "F0:ln2",
      "F0:fc1",          "F0:act",     "F0:fc2",     "F0:residual2",    "F0:final_ln",
      "F0:head",         "F0:loss",    "B0:loss",    "B0:head",         "B0:final_ln",
      "B0:residual2",    "B0:fc2",     "B0:act",     "B0:fc1",          "B0:ln2",
      "B0:residual1",    "B0:proj",    "B0:context", "B0:attn_dropout", "B0:softmax",
      "B0:scores",       "B0:qkv",     "B0:ln1",     "B0:embed",        "update"};
  EXPECT_EQ(device.calls(), expected);
}

TEST(StageExecutor, memoryFollowsTheLifetimesAndReturnsToWhatIsFixed) {
  const Job job = oneLayerJob(2);
  PaperDevice device;
  StageExecutor executor(job, job.program.stages[0], device);
  ASSERT_TRUE(executor.runStep(0));
  const std::vector<MemorySample> memory = executor.takeMemory();
  EXPECT_EQ(memory.front(), (MemorySample{0, 1100}));
  EXPECT_EQ(memory.back().bytes, 1100);
  int64_t peak = 0;
  for (size_t i = 1; i < memory.size(); ++i) {
    EXPECT_LE(memory[i - 1].timeNs, memory[i].timeNs);
    peak = std::max(peak, memory[i].bytes);
  }
  // The pool counts a tensor before the one it replaces is released, samples are taken after.
  EXPECT_GE(executor.peakBytes(), peak);
  EXPECT_LE(executor.peakBytes(), peak + 64);
  EXPECT_EQ(executor.reservedBytes(), executor.peakBytes());
}

TEST(StageExecutor, saysWhenMemoryEnds) {
  const Job job = oneLayerJob();
  PaperDevice device;
  device.refuseMoreThan(10);
  StageExecutor executor(job, job.program.stages[0], device);
  const auto done = executor.runStep(0);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kOutOfMemory);
}

TEST(StageExecutor, refusesAProgramThatReadsWhatItReleased) {
  const Job job = oneLayerJob();
  plan::StageProgram broken = job.program.stages[0];
  // Release everything right after it is made.
  broken.releases.clear();
  for (plan::Item& item : broken.items) {
    item.releaseBegin = item.releaseEnd = static_cast<uint32_t>(broken.releases.size());
    if (item.action == plan::Action::kForward && item.layer == 0) {
      broken.releases.push_back({item.layer, item.op, item.microBatch});
      ++item.releaseEnd;
    }
  }
  PaperDevice device;
  StageExecutor executor(job, broken, device);
  const auto done = executor.runStep(0);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("not alive"), std::string::npos) << done.error().message;
}

TEST(StageExecutor, refusesAProgramThatLeavesTensorsBehind) {
  const Job job = oneLayerJob();
  plan::StageProgram broken = job.program.stages[0];
  for (plan::Item& item : broken.items) item.releaseEnd = item.releaseBegin;
  PaperDevice device;
  StageExecutor executor(job, broken, device);
  const auto done = executor.runStep(0);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("alive after a step"), std::string::npos)
      << done.error().message;
}

TEST(Run, aRankThatFailsEndsAllRanksWithItsNameAndReason) {
  test::Sizes sizes;
  sizes.tensor = 2;
  sizes.pipeline = 2;
  const auto job = jobFromModel(test::tinyModel(sizes));
  ASSERT_TRUE(job);
  RunOptions options = test::quickOptions(20);
  options.optimizer.learningRate = 1e30F;
  const auto summary = test::train(*job, options);
  ASSERT_FALSE(summary);
  EXPECT_NE(summary.error().where.find("stage 1"), std::string::npos) << summary.error().text();
  EXPECT_NE(summary.error().message.find("--lr"), std::string::npos) << summary.error().text();
}

TEST(Run, aFailingObserverEndsTheRunWithItsReason) {
  const auto job = jobFromModel(test::tinyModel());
  ASSERT_TRUE(job);
  const auto summary =
      test::train(*job, test::quickOptions(), [](const auto&, const auto&) -> Result<Continue> {
        return fail(ErrorCode::kIo, "disk full");
      });
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().message, "disk full");
}

TEST(Run, stopsAfterTheStepWhenTheObserverSaysSo) {
  const auto job = jobFromModel(test::tinyModel());
  ASSERT_TRUE(job);
  const auto summary = test::train(*job, test::quickOptions(10),
                                   [](const StepReport& step, const auto&) -> Result<Continue> {
                                     return step.step == 1 ? Continue::kNo : Continue::kYes;
                                   });
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->steps.size(), 2U);
}

TEST(Run, stepsFollowEachOtherWithoutGaps) {
  test::Sizes sizes;
  sizes.pipeline = 2;
  const auto job = jobFromModel(test::tinyModel(sizes));
  ASSERT_TRUE(job);
  for (const comm::ClockKind clock : {comm::ClockKind::kVirtual, comm::ClockKind::kWall}) {
    RunOptions options = test::quickOptions();
    options.clock = clock;
    const auto summary = test::train(*job, options);
    ASSERT_TRUE(summary);
    for (size_t s = 0; s < summary->steps.size(); ++s) {
      EXPECT_GT(summary->steps[s].span.lengthNs(), 0);
      const int64_t previousEnd =
          s > 0 ? summary->steps[s - 1].span.endNs : summary->steps[s].span.beginNs;
      EXPECT_EQ(summary->steps[s].span.beginNs, previousEnd);
    }
  }
}

}  // namespace
}  // namespace caracal::executor
