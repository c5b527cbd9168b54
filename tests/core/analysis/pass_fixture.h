// Traces in the shapes that frameworks leave behind, and the passes found in them as text.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "core/analysis/prepared_run.h"
#include "core/analysis/step_model.h"
#include "tests/core/analysis/gpu_fixture.h"
#include "tests/core/analysis/step_invariants.h"

namespace caracal::analysis::fixture {

inline constexpr int64_t kAutograd = 9;  // a thread
inline constexpr const char* kSendRecvKernel = "ncclDevKernel_SendRecv(...)";

// "F0[10,30) B0[40,60)" of one stage of a step.
inline std::string passesOf(const StageStep& stage) {
  std::string text;
  for (const PassSpan& pass : stage.passes) {
    text += fmt::format("{}{}{}[{},{})", text.empty() ? "" : " ", trace::name(pass.pass),
                        pass.microBatch, pass.span.beginNs, pass.span.endNs);
  }
  return text;
}

inline StepModel modelOf(trace::TraceBuilder builder) {
  const PreparedRun run = prepareRun(std::move(builder).finish(), {});
  auto model = buildStepModel(*run.trace);
  EXPECT_TRUE(model) << model.error().text();
  if (!model) return {};
  expectInvariants(*model);
  return *model;
}

inline std::string whyNot(trace::TraceBuilder builder) {
  const PreparedRun run = prepareRun(std::move(builder).finish(), {});
  const auto model = buildStepModel(*run.trace);
  EXPECT_FALSE(model);
  return model ? "" : model.error().message;
}

inline std::string factOf(const StepModel& model, const std::string& part) {
  for (const Fact& fact : model.facts) {
    if (fact.what.find(part) != std::string::npos) return fact.what + " | " + fact.foundBy;
  }
  return {};
}

// A forward range whose kernel runs 5 ns after it is launched.
inline void forward(GpuRank& gpu, const std::string& name, int64_t beginNs, int64_t kernelNs) {
  gpu.onThread(1);
  gpu.annotation(name, beginNs, beginNs + 4);
  gpu.launched(beginNs + 1, 1, 7, "gemm", beginNs + 5, beginNs + 5 + kernelNs);
}

// A backward range of the main thread, whose kernel an autograd thread launches.
inline void backward(GpuRank& gpu, const std::string& name, int64_t beginNs, int64_t kernelNs) {
  gpu.onThread(1);
  gpu.annotation(name, beginNs, beginNs + 4);
  gpu.onThread(kAutograd, "thread 9 (pt_autograd_0)");
  gpu.launched(beginNs + 2, 1, 7, "gemm", beginNs + 5, beginNs + 5 + kernelNs);
}

}  // namespace caracal::analysis::fixture
