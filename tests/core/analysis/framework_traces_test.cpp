// What the annotations of training frameworks tell, read from files as Kineto and Nsight Systems
// write them: the same run in both formats is understood alike, or refused in the same words.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "core/analysis/prepared_run.h"
#include "core/analysis/structure.h"
#include "tests/core/analysis/step_invariants.h"
#include "tests/core/import/nsys_fixture.h"

namespace caracal::analysis {
namespace {

using testing::HasSubstr;

constexpr int64_t kMain = 1;
constexpr int64_t kAutograd = 9;

// A range of a host thread and one kernel that is launched in it, by `launcher`.
struct Range {
  int32_t rank = 0;
  std::string name;
  int64_t beginNs = 0, endNs = 0;
  int64_t kernelNs = 0;  // 0: launches nothing
  int64_t launcher = kMain;
};
using Ranges = std::vector<Range>;

Range forward(std::string name, int64_t beginNs, int32_t rank = 0) {
  return {rank, std::move(name), beginNs, beginNs + 4000, 10'000, kMain};
}
Range backward(std::string name, int64_t beginNs, int32_t rank = 0) {
  return {rank, std::move(name), beginNs, beginNs + 4000, 20'000, kAutograd};
}

enum class FileFormat : uint8_t { kKineto, kNsight };

class FrameworkTrace : public import::NsysTest, public testing::WithParamInterface<FileFormat> {
 protected:
  PreparedRun prepared(const Ranges& ranges, const std::string& hint = "") {
    auto trace = GetParam() == FileFormat::kKineto ? kineto(ranges) : nsight(ranges);
    if (!hint.empty()) {
      const auto parsed = parseHint(hint);
      EXPECT_TRUE(parsed) << parsed.error().text();
      auto hinted = applyHint(trace, *parsed);
      EXPECT_TRUE(hinted) << hinted.error().text();
      trace = *hinted;
    }
    return prepareRun(trace, {});
  }

  StepModel modelOf(const Ranges& ranges, const std::string& hint = "") {
    auto model = buildStepModel(*prepared(ranges, hint).trace);
    EXPECT_TRUE(model) << model.error().text();
    if (!model) return {};
    expectInvariants(*model);
    return *model;
  }

  std::string whyNot(const Ranges& ranges) {
    const auto model = buildStepModel(*prepared(ranges).trace);
    return model ? "understood" : model.error().message;
  }

 private:
  std::shared_ptr<const trace::Trace> kineto(const Ranges& ranges) const {
    const auto us = [](int64_t ns) { return static_cast<double>(ns) * 1e-3; };
    std::map<int32_t, std::string> events;
    int64_t correlation = 0;
    for (const Range& r : ranges) {
      std::string& text = events[r.rank];
      text += fmt::format(
          R"({{"ph":"X","cat":"user_annotation","name":"{}","pid":100,"tid":1,"ts":{:.3f},"dur":{:.3f}}},)",
          r.name, us(r.beginNs), us(r.endNs - r.beginNs));
      if (r.kernelNs == 0) continue;
      ++correlation;
      text += fmt::format(
          R"({{"ph":"X","cat":"cuda_runtime","name":"cudaLaunchKernel","pid":100,"tid":{},"ts":{:.3f},"dur":1,)"
          R"("args":{{"correlation":{}}}}},)",
          r.launcher, us(r.beginNs + 2000), correlation);
      text += fmt::format(
          R"({{"ph":"X","cat":"kernel","name":"gemm","pid":{0},"tid":7,"ts":{1:.3f},"dur":{2:.3f},)"
          R"("args":{{"device":{0},"stream":7,"correlation":{3}}}}},)",
          r.rank, us(r.endNs + 1000), us(r.kernelNs), correlation);
    }
    std::vector<std::string> paths;
    for (const auto& [rank, text] : events) {
      const std::string name = "thread 9 (pt_autograd_0)";
      paths.push_back(m_folder.write(
          fmt::format("rank{}.json", rank),
          fmt::format(
              R"({{"distributedInfo":{{"rank":{},"world_size":{}}},"traceEvents":[{}{{"ph":"M",)"
              R"("name":"thread_name","pid":100,"tid":9,"args":{{"name":"{}"}}}}]}})",
              rank, events.size(), text, name)));
    }
    const auto loaded = import::loadTraces(paths);
    EXPECT_TRUE(loaded) << loaded.error().text();
    return loaded ? loaded->trace : std::move(trace::TraceBuilder{}).finish();
  }

  std::shared_ptr<const trace::Trace> nsight(const Ranges& ranges) const {
    std::filesystem::remove(path());
    createTables();
    std::string rows = "INSERT INTO StringIds VALUES (4, 'pt_autograd_0');";
    int64_t correlation = 0;
    for (const Range& r : ranges) {
      const int64_t pid = 144 + r.rank;
      rows += fmt::format(
          "INSERT INTO NVTX_EVENTS (start, \"end\", eventType, text, globalTid, domainId) "
          "VALUES ({}, {}, 59, '{}', {}, 0);",
          r.beginNs, r.endNs, r.name, import::globalTid(pid, kMain));
      if (r.kernelNs == 0) continue;
      ++correlation;
      rows += fmt::format("INSERT INTO CUPTI_ACTIVITY_KIND_RUNTIME VALUES ({}, {}, 0, {}, {}, 2);",
                          r.beginNs + 2000, r.beginNs + 3000, import::globalTid(pid, r.launcher),
                          correlation);
      rows += fmt::format(
          "INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES ({}, {}, {}, 1, 7, {}, {}, 1, 1);"
          "INSERT INTO ThreadNames VALUES (4, 0, {});",
          r.endNs + 1000, r.endNs + 1000 + r.kernelNs, r.rank, correlation, import::globalPid(pid),
          import::globalTid(pid, kAutograd));
    }
    sql(rows);
    return load();
  }
};

INSTANTIATE_TEST_SUITE_P(Files, FrameworkTrace,
                         testing::Values(FileFormat::kKineto, FileFormat::kNsight),
                         [](const auto& info) {
                           return info.param == FileFormat::kKineto ? "Kineto" : "Nsight";
                         });

// "F0 B0" of one stage of a step, chunks behind a point.
std::string passesOf(const StageStep& stage) {
  std::string text;
  for (const PassSpan& pass : stage.passes) {
    text += fmt::format("{}{}{}", text.empty() ? "" : " ", trace::name(pass.pass), pass.microBatch);
    if (pass.chunk > 0) text += fmt::format(".{}", pass.chunk);
  }
  return text;
}

std::string factOf(const StepModel& model, const std::string& part) {
  for (const Fact& fact : model.facts) {
    if (fact.what.find(part) != std::string::npos) return fact.what + " | " + fact.foundBy;
  }
  return {};
}

TEST_P(FrameworkTrace, torchPipeliningAndNcclsOwnRanges) {
  const StepModel model = modelOf({forward("PP:0F0", 0),
                                   {0, "PP:0SEND_F0", 20'000, 22'000},
                                   {0, "ncclSend", 20'500, 21'000},
                                   forward("PP:1F0", 30'000, 1),
                                   backward("PP:1B0", 60'000, 1),
                                   {1, "ncclGroupStart", 80'000, 81'000},
                                   backward("PP:0B0", 100'000)});
  ASSERT_EQ(model.stageSteps.size(), 2U);
  EXPECT_EQ(model.stageCount, 2);
  EXPECT_EQ(passesOf(model.stageSteps[0]), "F0 B0");
  EXPECT_EQ(model.stageSteps[0].passes[0].span, (Span{5000, 15'000}));
  EXPECT_EQ(model.stageSteps[0].passes[1].span, (Span{105'000, 125'000}));
  EXPECT_EQ(factOf(model, "passes:").find("NCCL"), std::string::npos);
  EXPECT_THAT(factOf(model, "passes:"), HasSubstr("torch.distributed.pipelining"));
}

TEST_P(FrameworkTrace, interleavedStagesAreChunks) {
  Ranges ranges;
  for (int32_t rank = 0; rank < 2; ++rank) {
    for (int32_t chunk = 0; chunk < 2; ++chunk) {
      const int32_t stage = rank + 2 * chunk;
      ranges.push_back(forward(fmt::format("PP:{}F0", stage), 50'000 * stage, rank));
      ranges.push_back(backward(fmt::format("PP:{}B0", stage), 500'000 - 50'000 * stage, rank));
    }
  }
  const StepModel model = modelOf(ranges);
  EXPECT_EQ(model.stageCount, 2);
  EXPECT_EQ(model.chunks, 2);
  EXPECT_EQ(passesOf(model.stageSteps[1]), "F0 F0.1 B0.1 B0");
}

TEST_P(FrameworkTrace, stagesInAVCannotBeToldFromNames) {
  Ranges ranges;
  for (int32_t rank = 0; rank < 2; ++rank) {
    for (const int32_t stage : {rank, 3 - rank}) {
      ranges.push_back(forward(fmt::format("PP:{}F0", stage), 50'000 * stage, rank));
      ranges.push_back(backward(fmt::format("PP:{}B0", stage), 500'000 - 50'000 * stage, rank));
    }
  }
  EXPECT_THAT(whyNot(ranges), HasSubstr("no chunks of an interleaved schedule"));
}

TEST_P(FrameworkTrace, megatronsRangesAreNumberedBetweenOptimizers) {
  const std::string schedules = "megatron.core.pipeline_parallel.schedules.";
  Ranges ranges;
  for (int64_t step = 0; step < 3; ++step) {
    const int64_t t = 1'000'000 * step;
    for (const int64_t i : {0, 1})
      ranges.push_back(forward(schedules + "forward_step", t + 50'000 * i));
    for (const int64_t i : {0, 1})
      ranges.push_back(backward(schedules + "backward_step", t + 200'000 + 50'000 * i));
    ranges.push_back(forward("Optimizer.step#FusedAdam.step", t + 400'000));
  }
  const StepModel model = modelOf(ranges);
  EXPECT_EQ(model.steps.size(), 3U);
  EXPECT_EQ(model.microBatches, 2);
  EXPECT_EQ(passesOf(model.stageSteps[1]), "F0 F1 B0 B1");
  EXPECT_THAT(factOf(model, "passes:"), HasSubstr("Megatron-LM"));
}

TEST_P(FrameworkTrace, deepSpeedNamesItsEngine) {
  Ranges ranges;
  for (const int64_t t : {0, 1'000'000}) {
    ranges.push_back(forward("DeepSpeedEngine.forward", t));
    ranges.push_back(backward("DeepSpeedEngine.backward", t + 100'000));
    ranges.push_back(forward("DeepSpeedEngine.step", t + 200'000));
    ranges.push_back({0, "DeepSpeedZeroOptimizer_Stage3.step", t + 200'500, t + 203'500});
  }
  const StepModel model = modelOf(ranges);
  EXPECT_EQ(model.steps.size(), 2U);
  EXPECT_EQ(passesOf(model.stageSteps[0]), "F0 B0");
  EXPECT_THAT(factOf(model, "passes:"), HasSubstr("DeepSpeed"));
}

TEST_P(FrameworkTrace, zeroBubbleSplitsBackward) {
  const StepModel model =
      modelOf({forward("F0.0.0", 0), backward("B0.0.1", 50'000), backward("W0.0.2", 100'000)});
  EXPECT_EQ(passesOf(model.stageSteps[0]), "F0 B0 W0");
}

// Parts of layers of two micro-batches at once: no pass begins or ends with them.
TEST_P(FrameworkTrace, dualPipesPartsAreNoPasses) {
  EXPECT_THAT(whyNot({forward("attn(F)", 0), backward("mlp(B)", 50'000),
                      forward("dispatch(F)", 100'000), backward("attn(B)", 150'000)}),
              HasSubstr("no annotations of passes"));
}

TEST_P(FrameworkTrace, shardedForwardWithoutLinksToBackwardIsNotGuessed) {
  EXPECT_THAT(whyNot({forward("FullyShardedDataParallel.forward", 0),
                      {0, "FSDP::all_gather", 50'000, 52'000},
                      backward("FSDP::post_backward_reduce", 60'000)}),
              HasSubstr("no autograd links lead from it"));
}

// What the hint names counts, and nothing else does.
TEST_P(FrameworkTrace, aHintOverridesNames) {
  const Ranges ranges{forward("forward", 0), forward("my loss and all", 50'000),
                      backward("my gradients", 100'000), backward("backward", 200'000)};
  const StepModel model = modelOf(ranges, R"({"schema": "caracal.hint/1",
      "forwardAnnotation": "my loss and all", "backwardAnnotation": "my gradients"})");
  EXPECT_EQ(model.stageSteps[0].passes[0].span, (Span{55'000, 65'000}));
  EXPECT_EQ(model.stageSteps[0].passes[1].span, (Span{105'000, 125'000}));
}

}  // namespace
}  // namespace caracal::analysis
