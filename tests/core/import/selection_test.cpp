// Loading parts of a run: ranks, a span of time, kinds of events.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "core/import/importer.h"
#include "tests/core/import/part_of_whole.h"
#include "tests/core/import/test_files.h"

namespace caracal::import {
namespace {

using trace::Defect;
using trace::EventKind;
using trace::Selection;

// A launch at 0 us, its kernel at 100 us, a later operator at 200 us; the file starts at `baseUs`.
std::string rankFile(int rank, int64_t baseUs) {
  const auto at = [&](int64_t us) { return std::to_string(baseUs + us); };
  return R"({"distributedInfo":{"rank": )" + std::to_string(rank) + R"(},"traceEvents":[
{"ph":"X","cat":"cuda_runtime","name":"launch","pid":1,"tid":1,"ts":)" +
         at(0) + R"(,"dur":5,"args":{"correlation":1}},
{"ph":"X","cat":"kernel","name":"gemm","pid":0,"tid":7,"ts":)" +
         at(100) + R"(,"dur":50,"args":{"device":0,"stream":7,"correlation":1}},
{"ph":"X","cat":"cpu_op","name":"aten::mm","pid":1,"tid":1,"ts":)" +
         at(200) + R"(,"dur":10}]})";
}

class SelectionTest : public testing::Test {
 protected:
  SelectionTest() {
    for (int rank = 0; rank < 3; ++rank)
      folder.write("f" + std::to_string(rank) + ".json", rankFile(rank, 1000 + rank * 100));
  }
  std::shared_ptr<const trace::Trace> load(const Selection& selection) {
    const auto loaded = loadTraces({folder.path()}, {.selection = selection});
    EXPECT_TRUE(loaded) << loaded.error().text();
    filesLeftOut = loaded->filesLeftOut;
    return loaded->trace;
  }
  static std::vector<std::string> namesOf(const trace::Trace& trace) {
    std::vector<std::string> names;
    for (trace::EventIndex e = 0; e < trace.eventCount(); ++e)
      names.push_back(fmt::format(
          "{} {}", trace.ranks()[trace.tracks()[trace.trackOf(e)].rank].rank, trace.name(e)));
    std::sort(names.begin(), names.end());
    return names;
  }

  const TemporaryFolder folder;
  int64_t filesLeftOut = 0;
};

// Kinds that are left out while a file is read, and those that are left out when it has been, are
// counted together; kernels keep what collectives and calls told of them.
TEST_F(SelectionTest, kindsLeftOutWhileReadingAreMissedByNobody) {
  const TemporaryFolder own;
  const std::string file = own.write("a.json", R"([
{"ph":"X","cat":"python_function","name":"main","pid":1,"tid":1,"ts":1,"dur":90},
{"ph":"X","cat":"cpu_op","name":"record_param_comms","pid":1,"tid":1,"ts":2,"dur":9,
 "args":{"External id":5,"Collective name":"allreduce","In msg nelems":8,"dtype":"Float"}},
{"ph":"X","cat":"cpu_op","name":"aten::mm","pid":1,"tid":1,"ts":20,"dur":9},
{"ph":"X","cat":"cuda_runtime","name":"launch","pid":1,"tid":1,"ts":3,"dur":5,"args":{"correlation":1}},
{"ph":"X","cat":"kernel","name":"ncclKernel","pid":0,"tid":7,"ts":5,"dur":50,
 "args":{"device":0,"stream":7,"correlation":1,"External id":5}}])");
  const auto loaded = loadTraces({file}, {.selection = {.kinds = {EventKind::kKernel}}});
  ASSERT_TRUE(loaded) << loaded.error().text();
  const trace::Trace& trace = *loaded->trace;
  ASSERT_EQ(trace.eventCount(), 1u);
  EXPECT_EQ(trace.args(0)->collective, trace::CollectiveKind::kAllReduce);
  EXPECT_EQ(trace.args(0)->bytes, 32);
  EXPECT_EQ(trace.report().of(Defect::kLeftOutByRequest), 4);
  EXPECT_EQ(trace.report().of(Defect::kGpuWorkWithoutLaunch), 0);
  const auto none = loadTraces({file}, {.selection = {.kinds = {EventKind::kMemset}}});
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
}

TEST_F(SelectionTest, filesOfOtherRanksAreNotRead) {
  const auto trace = load({.ranks = {{1, 1}, {5, 9}}});
  EXPECT_EQ(filesLeftOut, 2);
  EXPECT_EQ(namesOf(*trace), (std::vector<std::string>{"1 aten::mm", "1 gemm", "1 launch"}));
}

TEST_F(SelectionTest, timesCountFromTheFirstEventOfAllRanks) {
  // Rank 0's kernel runs 100..150 us, rank 1's launch 100..105, rank 2's begins at 200.
  const auto trace = load({.fromNs = 149'000, .toNs = 200'000});
  EXPECT_EQ(namesOf(*trace), (std::vector<std::string>{"0 gemm"}));
  EXPECT_EQ(trace->launch(0), trace::kNoIndex) << "its launch is left out";
  EXPECT_EQ(trace->report().of(Defect::kLeftOutByRequest), 8);
  EXPECT_EQ(trace->range(), (Span{1'100'000, 1'150'000}));
}

TEST_F(SelectionTest, aPartOfACachedRunIsTakenFromIt) {
  const TemporaryFolder cache;
  const CacheOptions options{.folder = cache.path()};
  const Selection part{.fromNs = 149'000, .toNs = 200'000};
  ASSERT_TRUE(loadTraces({folder.path()}, {.cache = options}));
  const auto taken = loadTraces({folder.path()}, {.selection = part, .cache = options});
  ASSERT_TRUE(taken) << taken.error().text();
  EXPECT_TRUE(taken->fromCache);
  EXPECT_EQ(namesOf(*taken->trace), namesOf(*load(part)));
  EXPECT_EQ(taken->trace->report().of(Defect::kLeftOutByRequest), 8);
  const auto ranks =
      loadTraces({folder.path()}, {.selection = {.ranks = {{1, 1}}}, .cache = options});
  EXPECT_EQ(namesOf(*ranks->trace), (std::vector<std::string>{"1 aten::mm", "1 gemm", "1 launch"}));
  // Times would count from the first event of those ranks, which the whole run does not tell.
  const auto both = loadTraces(
      {folder.path()}, {.selection = {.ranks = {{1, 1}}, .toNs = 1'000'000}, .cache = options});
  EXPECT_FALSE(both->fromCache);
}

// What begins too late is left out while a file is read; what launched the rest is not.
TEST_F(SelectionTest, eventsThatBeginTooLateAreLeftOutOnceForAll) {
  const TemporaryFolder own;
  std::string text = "[";
  for (int i = 0; i < 500; ++i) {
    const std::string id = std::to_string(i + 1), at = std::to_string(1000 + 10 * i);
    text += R"({"ph":"X","cat":"cuda_runtime","name":"launch","pid":1,"tid":1,"ts":)" + at +
            R"(,"dur":2,"args":{"correlation":)" + id + R"(}},
{"ph":"X","cat":"kernel","name":"k","pid":0,"tid":7,"ts":)" +
            at + R"(.5,"dur":5,"args":{"device":0,"stream":7,"correlation":)" + id + "}},";
  }
  const auto loaded = loadTraces({own.write("a.json", text)}, {.selection = {.toNs = 1'000'000}});
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ(loaded->trace->eventCount(), 200u);
  EXPECT_EQ(loaded->trace->report().of(Defect::kLeftOutByRequest), 800);
  EXPECT_EQ(loaded->trace->report().of(Defect::kGpuWorkWithoutLaunch), 0);
}

// Operators in each other, launches and their kernels, waits, flows between operators, in the order
// of time or in none.
std::string busyRank(int rank, int64_t baseUs, std::mt19937& random, bool inOrder) {
  std::vector<std::string> events;
  const auto below = [&](int limit) {
    return static_cast<int>(random() % static_cast<unsigned>(limit));
  };
  for (int i = 0; i < 400; ++i) {
    const int64_t at = baseUs + i * 10;
    const auto event = [&](const char* category, const std::string& name, int64_t begin,
                           int duration, const std::string& more) {
      events.push_back(fmt::format(R"({{"ph":"X","cat":"{}","name":"{}","ts":{},"dur":{},{}}})",
                                   category, name, begin, duration, more));
    };
    if (i % 20 == 0) event("cpu_op", "outer", at, 190 + below(20), R"("pid":1,"tid":1)");
    if (i % 50 == 0)
      event("user_annotation", fmt::format("ProfilerStep#{}", i / 50), at, 500,
            R"("pid":1,"tid":1)");
    event("cpu_op", fmt::format("op{}", below(5)), at + 1, 3 + below(4), R"("pid":1,"tid":1)");
    event("cuda_runtime", "launch", at + 2, 1,
          fmt::format(R"("pid":1,"tid":1,"args":{{"correlation":{}}})", i + 1));
    event("kernel", fmt::format("k{}", below(5)), at + 5 + below(2000), 1 + below(30),
          fmt::format(R"("pid":0,"tid":{0},"args":{{"device":0,"stream":{0},"correlation":{1}}})",
                      7 + below(2), i + 1));
    if (i % 3 == 0) {
      const char* const flow =
          R"({{"ph":"{}","cat":"fwdbwd","name":"f","id":{},"pid":1,"tid":1,"ts":{}}})";
      events.push_back(fmt::format(fmt::runtime(flow), "s", i, at + 1));
      events.push_back(fmt::format(fmt::runtime(flow), "f", i, baseUs + below(400) * 10 + 1));
    }
  }
  if (!inOrder) std::shuffle(events.begin(), events.end(), random);
  return fmt::format(R"({{"distributedInfo":{{"rank":{}}},"traceEvents":[{}]}})", rank,
                     fmt::join(events, ","));
}

TEST_F(SelectionTest, aPartThatIsReadIsThePartOfTheWhole) {
  std::mt19937 random(7);
  const TemporaryFolder own;
  // Another rank begins so much earlier that what its peer assumes of the run is wrong.
  for (const int64_t laterUs : {0, 100, 3000}) {
    for (const bool inOrder : {true, false}) {
      own.write("a.json", busyRank(0, 1'000'000, random, inOrder));
      own.write("b.json", busyRank(1, 1'000'000 + laterUs, random, inOrder));
      expectPartOfTheWhole({own.path()}, {.fromNs = 1'000'000, .toNs = 2'500'000});
      expectPartOfTheWhole({own.path()}, {.fromNs = 3'900'000});
    }
  }
}

TEST_F(SelectionTest, aPartOfASharedTraceIsThePartOfTheWhole) {
  if (sharedTraces().empty()) GTEST_SKIP() << "no shared traces";
  for (const char* const path :
       {"nsys-2xh100-sp/mfu_2gpu_after.sqlite", "nsys-t4-nvtx", "nsys-nccl-2nodes-rtx3090",
        "megatron-tp8-a100", "ddp-2xa100-pgmeta", "torchrec-dlrm-4xv100", "bytedance-pp-AR",
        "bytedance-pp-ST",
        "megatronapp-pp4/data-1-pipeline-4-tensor-1-pp-aggregated-iter10.json"}) {
    SCOPED_TRACE(path);
    const std::vector<std::string> paths{sharedTraces() + "/" + path};
    const auto whole = loadTraces(paths);
    ASSERT_TRUE(whole);
    const Span range = whole->trace->range();
    const int64_t length = range.endNs - range.beginNs;
    expectPartOfTheWhole(paths, {.fromNs = length / 2, .toNs = length / 2 + length / 8});
    expectPartOfTheWhole(paths, {.fromNs = length / 50});
  }
}

// Three steps of a pipeline of two stages and two replicas, in the order of time or in none.
std::string pipelineFile(std::mt19937& random, bool inOrder) {
  std::vector<std::string> events;
  for (int step = 0; step < 3; ++step) {
    for (int i = 0; i < 200; ++i) {
      const int replica = i % 2, stage = i / 2 % 2, at = 10'000 * step + 40 * i;
      const auto add = [&](const char* name, int lane, int begin, int duration) {
        events.push_back(fmt::format(
            R"({{"name":"{}","ph":"X","pid":{},"tid":{},"ts":{},"dur":{},"args":{{"step":{},"model_chunk":0,"mb_id":{}}}}})",
            name, replica, 10 * stage + lane, at + begin, duration, step + 5, i / 4));
      };
      add(i % 8 < 4 ? "forward-compute" : "backward-compute", 0, 0, 30);
      add(stage == 0 ? "forward-send" : "forward-recv", 1, 5, 300);
      if (i > 190 && step > 0) add("grads-reduce-scatter", 2, 10, 400);
    }
  }
  if (!inOrder) std::shuffle(events.begin(), events.end(), random);
  const char* const lanes[] = {"compute", "pp-comm", "dp-comm"};
  for (int row = 0; row < 12; ++row)
    events.push_back(fmt::format(
        R"({{"name":"thread_name","ph":"M","pid":{},"tid":{},"args":{{"name":"PP rank {}, TP rank 0, {}"}}}})",
        row % 2, 10 * (row / 6) + row / 2 % 3, row / 6, lanes[row / 2 % 3]));
  for (int replica = 0; replica < 2; ++replica)
    events.push_back(fmt::format(
        R"({{"name":"process_name","ph":"M","pid":{0},"args":{{"name":"DP rank [{0}]"}}}})",
        replica));
  return fmt::format("[{}]", fmt::join(events, ","));
}

TEST_F(SelectionTest, aPartOfAPipelineIsLeftOutWhileItIsRead) {
  std::mt19937 random(11);
  const TemporaryFolder own;
  for (const bool inOrder : {true, false}) {
    const std::string file = own.write("pipeline.json", pipelineFile(random, inOrder));
    for (const int64_t fromNs : {1'000'000, 9'000'000, 14'000'000, 27'500'000}) {
      expectPartOfTheWhole({file}, {.fromNs = fromNs});
      expectPartOfTheWhole({file}, {.fromNs = fromNs, .toNs = fromNs + 3'000'000});
    }
    if (inOrder) expectCutEarly(file, {.fromNs = 14'000'000});
  }
}

TEST_F(SelectionTest, kindsKeepTheirLinks) {
  const auto trace = load({.kinds = {EventKind::kKernel, EventKind::kRuntime}});
  EXPECT_EQ(trace->eventCount(), 6u);
  for (trace::EventIndex e = 0; e < trace->eventCount(); ++e) {
    if (trace->kind(e) != EventKind::kKernel) continue;
    ASSERT_NE(trace->launch(e), trace::kNoIndex);
    EXPECT_EQ(trace->name(trace->launch(e)), "launch");
    EXPECT_EQ(trace->beginNs(e) - trace->beginNs(trace->launch(e)), 100'000);
  }
  const Span whole = trace->range();
  EXPECT_EQ(trace->activity(0, whole).events + trace->activity(1, whole).events, 2);
}

TEST_F(SelectionTest, askingForNothingOfTheRunIsAnError) {
  EXPECT_EQ(loadTraces({folder.path()}, {.selection = {.ranks = {{7, 7}}}}).error().code,
            ErrorCode::kNotFound);
  EXPECT_EQ(loadTraces({folder.path()}, {.selection = {.fromNs = 1'000'000'000}}).error().code,
            ErrorCode::kNotFound);
}

}  // namespace
}  // namespace caracal::import
